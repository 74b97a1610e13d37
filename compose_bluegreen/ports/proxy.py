"""The port that routes requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.topology import CanaryWeight, Change, Topology
from compose_bluegreen.domain.traffic_stats import TrafficStats
from compose_bluegreen.ports.workloads import ColourAddresses

NO_TRAFFIC = "no traffic"
"""The status that is reported for replicas of workers, because HAProxy doesn't check them."""


@dataclass(frozen=True, slots=True)
class ServerHealth:
    """The health of one replica; ``status`` is what HAProxy reports (``UP``, ``DOWN 1/2``, …)."""

    address: str
    status: str
    check: str

    @property
    def up(self) -> bool:
        return self.status in ("UP", NO_TRAFFIC)


@dataclass(frozen=True, slots=True)
class ServingHaproxy:
    """The HAProxy that answers visitors, and what is to be known of its image.

    ``version`` is empty while it does not run. It is a substitute if it serves because its
    successor has ended. It is outdated if this version of the program builds another
    default image. ``renewal`` says how it can be replaced.
    """

    version: str
    image_id: str
    is_substitute: bool = False
    is_outdated: bool = False
    renewal: Change = Change.HAND_OVER


class Proxy(Protocol):
    """HAProxy. Its memory decides where traffic goes, so it is the truth about what is live.

    Every method raises ProxyFailed.
    """

    def topology(self) -> Topology | None:
        """The topology from which the proxy was made; None if there is no proxy."""

    def change_to(self, desired: Topology) -> Change:
        """How the proxy has to be changed for the desired topology. Changes nothing."""

    def change_to_renew(self, desired: Topology) -> Change:
        """How HAProxy is replaced by that of the desired topology's image, whatever runs now: HAND_OVER,
        or RECREATE where only a new container of the proxy can be changed so far."""

    def alone(self, desired: Topology) -> AbstractContextManager[None]:
        """Inside the block, no other command creates this proxy or its networks, on any machine."""

    def apply(self, desired: Topology, change: Change) -> float:
        """Starts the proxy, or changes it to the desired topology, in the way that ``change`` names.

        Returns the downtime in seconds. If a new container of the proxy fails, the old one is
        started again.
        """

    def serving_haproxy(self) -> ServingHaproxy | None:
        """None where there is no container of the proxy."""

    def renew_image(self, desired: Topology) -> None:
        """Pulls the proxy image of the desired topology, or builds the default image again from the
        newest base image. Changes no container. Raises ComposeFailed."""

    def monitor_address(self) -> str | None:
        """``host:port`` of statistics and metrics; None where there is no proxy."""

    def log(self, *, follow: bool, tail: int | None) -> Iterator[bytes]:
        """Lines of the proxy's container as they come. Raises ProxyFailed without a proxy."""

    def remove(self) -> None:
        """Removes the proxy, its volume and its networks."""

    def networks(self) -> tuple[str, ...]:
        """Names of the networks that the proxy should be attached to; none if there is no proxy."""

    def join(self, network: str) -> None:
        """Attaches the proxy to one of these networks again, with its aliases there."""

    def routes(self) -> dict[str, Colour | None]:
        """The live colour of each service, read from HAProxy's memory."""

    def routes_at_rest(self) -> dict[str, Colour | None]:
        """The live colour of each service, read from the map file on the disk.

        A restart of the proxy would load it. It differs from ``routes`` only after an edit by hand.
        """

    def route_to(self, routes: Mapping[str, Colour | None]) -> None:
        """Switches all named services at once: writes the disk, then the memory, and reads both back.

        All requests of these services go to the given colours; this ends a canary.
        """

    def canary_weights(self) -> dict[str, CanaryWeight]:
        """The canary weights of the services in a canary."""

    def set_canary_weights(self, canary_weights: Mapping[str, CanaryWeight]) -> None:
        """Sets the canary weights of all named services at once, like ``route_to``."""

    def show(self, service: str, colour: Colour) -> None:
        """Gives preview users access to a healthy idle colour, until ``park`` or the next ``route_to``.

        Does nothing if the service has no preview.
        """

    def shown(self) -> dict[str, Colour]:
        """The idle colours that preview users can reach now."""

    def park(self, service: str, colour: Colour) -> None:
        """Stops the health checks of an idle colour: all its replicas count as down."""

    def watch(self, service: str, colour: Colour) -> None:
        """Starts the health checks of an idle colour. Each replica counts as down until it passes them."""

    def colour_addresses(self, service: str, colour: Colour) -> ColourAddresses:
        """The addresses that the replicas of a colour must have, so that the proxy reaches them."""

    def health(self, service: str, colour: Colour) -> list[ServerHealth]:
        """The health of each replica."""

    def in_flight(self, service: str, colour: Colour) -> int:
        """The number of in-flight requests and open long connections, also those in a queue."""

    def traffic_stats(self, service: str, colour: Colour) -> TrafficStats:
        """The traffic statistics of a colour since HAProxy started."""

    def unanswered(self, service: str, colour: Colour) -> Mapping[str, timedelta]:
        """The requests that have arrived whole, and have no answer yet: by a name, how old each is.

        An upload that has not ended is not among them, because it waits for its client.
        """

    def long_lived(self, service: str, colour: Colour) -> int:
        """How many of these don't end by themselves: WebSockets, event streams, plain TCP."""

    def hang_up(self, service: str, colour: Colour) -> None:
        """Closes all connections to a colour at once."""
