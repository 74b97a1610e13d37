"""What routes requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.topology import CanaryWeight, Change, Topology
from compose_bluegreen.domain.traffic_stats import TrafficStats
from compose_bluegreen.ports.workloads import ColourAddresses

NO_TRAFFIC = "no traffic"
"""In the place of HAProxy's word, of what nobody asks: HAProxy doesn't look at it."""


@dataclass(frozen=True, slots=True)
class ServerHealth:
    """One replica as HAProxy sees it; ``status`` is its word (``UP``, ``DOWN 1/2``, …)."""

    address: str
    status: str
    check: str

    @property
    def up(self) -> bool:
        return self.status in ("UP", NO_TRAFFIC)


class Proxy(Protocol):
    """HAProxy, the one truth about traffic. Raises ProxyFailed."""

    def topology(self) -> Topology | None:
        """What it is configured for; None where there is no proxy."""

    def change_to(self, wanted: Topology) -> Change:
        """What it takes to get there. Looks only."""

    def alone(self, wanted: Topology) -> AbstractContextManager[None]:
        """Inside, nobody else makes this proxy or what it stands on, at any machine."""

    def apply(self, wanted: Topology, change: Change) -> float:
        """Brings the proxy up or makes it know ``wanted``, by the means that ``change`` names.

        Returns the seconds in which nobody answered. A new container that fails gives way to the
        one that served.
        """

    def renew_image(self, wanted: Topology) -> None:
        """Pulls the image that ``wanted`` names, or builds the default one again, from the newest
        base image. No container changes. Raises ComposeFailed."""

    def monitor_address(self) -> str | None:
        """``host:port`` of statistics and metrics; None where there is no proxy."""

    def log(self, *, follow: bool, tail: int | None) -> Iterator[bytes]:
        """Lines of the proxy's container as they come. Raises ProxyFailed without a proxy."""

    def remove(self) -> None:
        """The proxy, its state and its networks."""

    def networks(self) -> tuple[str, ...]:
        """Names of all that its container belongs on; none where there is no proxy."""

    def join(self, network: str) -> None:
        """Puts its container on one of them again, with the names that it bears there."""

    def routes(self) -> dict[str, Colour | None]:
        """Which colour of each service is live, read where traffic goes by it."""

    def routes_at_rest(self) -> dict[str, Colour | None]:
        """What a restart of the proxy would read: the same, unless somebody edited one of them."""

    def route_to(self, routes: Mapping[str, Colour | None]) -> None:
        """One atomic act for all services named: disk first, then memory, then read back.

        All of their traffic goes there; it ends what ``share`` began.
        """

    def canary_weights(self) -> dict[str, CanaryWeight]:
        """Of services whose other colour gets a part of the traffic, beside the live one."""

    def set_canary_weights(self, canary_weights: Mapping[str, CanaryWeight]) -> None:
        """As atomic: the live colour of each service named gives that much to the other one."""

    def show(self, service: str, colour: Colour) -> None:
        """Lets who may preview the service reach an idle colour that is proven, until it is parked
        or the service is routed anew. Nothing where nobody may."""

    def shown(self) -> dict[str, Colour]:
        """The idle colours that can be reached so."""

    def park(self, service: str, colour: Colour) -> None:
        """Stops watching an idle colour's addresses: nothing there may be believed any more."""

    def watch(self, service: str, colour: Colour) -> None:
        """Watches an idle colour's addresses, each down until checked anew."""

    def colour_addresses(self, service: str, colour: Colour) -> ColourAddresses:
        """Where the containers of a colour must sit for the proxy to find them."""

    def health(self, service: str, colour: Colour) -> list[ServerHealth]: ...

    def in_flight(self, service: str, colour: Colour) -> int:
        """Requests and long connections that are being served or wait in a queue."""

    def traffic_stats(self, service: str, colour: Colour) -> TrafficStats:
        """What was asked of a colour since HAProxy runs, and what came of it."""

    def long_lived(self, service: str, colour: Colour) -> int:
        """How many of these have no end of their own: WebSockets, event streams, plain TCP."""

    def hang_up(self, service: str, colour: Colour) -> None:
        """Ends all that is in flight there, at once."""
