"""What the proxy must know: which ports it answers, and where the colours of a service are.

Pure. A ``Topology`` is all that ``haproxy.cfg`` and the proxy's container are made from; which
colour is live is not in it (that is one line in the routing map), so a plain deploy changes no
topology.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any

from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.route_conflicts import PortUser

FIRST_INTERNAL_PORT = 10001
"""Published ports get a port of their own inside the proxy, from here on: two services may both
listen on 8080, and the proxy still knows which of them a visitor wants."""

NO_ROUTE = "none"
"""The mode of a target that nobody asks: it has seats, and neither port nor backend."""

MONITOR_PORT = 10000
"""Where the proxy answers for its statistics and metrics, inside its container."""

FIRST_OFFSET = 16
"""Below it, Docker finds addresses for the gateway and the proxy by itself."""


WHOLE = 10_000


@dataclass(frozen=True, slots=True)
class CanaryWeight:
    """So many of 10,000 requests go to the colour that isn't live. ``sticky``: by a cookie, so that a
    visitor stays where he is."""

    parts: int
    sticky: bool = False

    def __str__(self) -> str:
        return f"{self.parts / (WHOLE / 100):g}%"


@dataclass(frozen=True, slots=True)
class TrafficSplit:
    """Where the traffic of one service goes: all of it to the live colour, but for a share."""

    live: Colour | None
    canary_weight: CanaryWeight | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """How HAProxy finds out that a replica is well; durations in milliseconds.

    Without ``path`` it opens a connection; with it, it sends a GET and expects ``status``.
    """

    path: str | None = None
    status: str = "200-399"
    interval_ms: int = 1000
    timeout_ms: int = 2000
    rise: int = 2
    fall: int = 3


@dataclass(frozen=True, slots=True)
class ColourBackend:
    """One colour of a service: where its replicas are and what they listen on.

    ``free_offsets`` are host numbers within the network that only the proxy and the colours share;
    ``internal_ports`` maps a port inside the proxy to the container's port behind it.
    """

    address_offsets: tuple[int, ...]
    port: int
    internal_ports: tuple[tuple[int, int], ...]
    mode: str = "http"
    check: Check = Check()

    @property
    def ports(self) -> tuple[int, ...]:
        """The container's ports, the checked one first."""
        others = {behind for _, behind in self.internal_ports} - {self.port}
        return (self.port, *sorted(others)) if self.port else ()

    def behind(self, internal_port: int) -> int | None:
        return dict(self.internal_ports).get(internal_port)


@dataclass(frozen=True, slots=True)
class Published:
    """A host port that the proxy publishes; ``host_port`` "" lets Docker choose one.

    ``where`` is its key (``ip:port/tcp``): the same port keeps the same ``internal_port``. With ``tls`` the
    proxy speaks it there, by the certificates that it was given.
    """

    where: str
    host_ip: str
    host_port: str
    internal_port: int
    tls: bool = False


LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Preview:
    """Who may reach the idle colour while it is proven and held back.

    ``key`` is what a header or a cookie must say ("": neither will do), from ``networks`` alone if
    there are any; ``port`` is one of the host's loopback where only the idle colour answers.
    """

    key: str = ""
    networks: tuple[str, ...] = ()
    port: Published | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """One service at the proxy: the names and ports it answers, and both colours.

    Of the requests to its published ports, those for these ``hosts`` and below these ``paths`` are
    its own; all of them where it names none.
    """

    service: str
    published: tuple[Published, ...] = ()
    networks: tuple[tuple[str, tuple[str, ...]], ...] = ()
    targets: tuple[tuple[Colour, ColourBackend], ...] = ()
    preview: Preview | None = None
    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()

    @property
    def ports(self) -> tuple[Published, ...]:
        """All that Docker publishes for it."""
        port = self.preview.port if self.preview else None
        return (*self.published, port) if port else self.published

    def target(self, colour: Colour) -> ColourBackend | None:
        return dict(self.targets).get(colour)

    @property
    def reachable(self) -> bool:
        """Whether anybody can reach it; not while a container of the user's project serves.

        Whom nobody asks, nobody has to reach.
        """
        return bool(self.published or self.networks or self.is_worker)

    @property
    def is_worker(self) -> bool:
        return any(target.mode == NO_ROUTE for _, target in self.targets)

    @property
    def modes(self) -> frozenset[str]:
        return frozenset(target.mode for _, target in self.targets) - {NO_ROUTE}

    @property
    def internal_ports(self) -> tuple[int, ...]:
        return tuple(
            sorted(
                {
                    internal_port
                    for _, target in self.targets
                    for internal_port, _ in target.internal_ports
                }
            )
        )

    def with_backend(self, colour: Colour, target: ColourBackend) -> Route:
        targets = dict(self.targets) | {colour: target}
        return replace(self, targets=tuple(sorted(targets.items())))


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """The ``proxy:`` part of the top-level ``x-bluegreen``.

    ``image`` None means ours, ``monitor`` the loopback port of statistics and metrics (0 lets
    Docker choose), ``snippets`` are texts added to ``global``, ``defaults`` and ``frontend``,
    ``monitor_from`` networks that may read statistics beside the Docker host. ``certificates`` is
    the digest of the files that TLS is spoken by, "" for none.
    """

    image: str | None = None
    monitor: int = 0
    timeout_ms: int = 3_600_000
    trusted_proxies: tuple[str, ...] = ()
    snippets: tuple[tuple[str, str], ...] = ()
    monitor_from: tuple[str, ...] = ()
    certificates: str = ""


@dataclass(frozen=True, slots=True)
class Topology:
    """All that the proxy must know, but for which colour is live."""

    project: str
    settings: ProxySettings = ProxySettings()
    routes: tuple[Route, ...] = ()

    def route(self, service: str) -> Route | None:
        return next((route for route in self.routes if route.service == service), None)

    def with_route(self, route: Route) -> Topology:
        others = [known for known in self.routes if known.service != route.service]
        routes = sorted((*others, route), key=lambda one: one.service)
        return replace(self, routes=tuple(routes))

    def without_published(self, services: Iterable[str]) -> Topology:
        """Where these services' ports and names are not the proxy's: it can still prove them."""
        hidden = set(services)
        routes = tuple(
            replace(route, published=(), networks=(), preview=None)
            if route.service in hidden
            else route
            for route in self.routes
        )
        return replace(self, routes=routes)

    def previews(self, service: str) -> bool:
        """Whether anybody may reach its idle colour."""
        route = self.route(service)
        return route is not None and route.preview is not None

    def port_users(self) -> dict[str, list[PortUser]]:
        """Where a port is published to the services behind it."""
        found: dict[str, list[PortUser]] = {}
        for route in self.routes:
            mode = "tcp" if "tcp" in route.modes else "http"
            for one in route.published:
                own = PortUser(route.service, route.hosts, route.paths, one.tls, mode)
                found.setdefault(one.where if one.host_port else f"{one.internal_port}", []).append(
                    own
                )
        return found

    @property
    def address_offsets(self) -> frozenset[int]:
        return frozenset(
            slot
            for route in self.routes
            for _, target in route.targets
            for slot in target.address_offsets
        )

    @property
    def published(self) -> tuple[Published, ...]:
        """Each once, though several services may share it."""
        return tuple(dict.fromkeys(one for route in self.routes for one in route.ports))

    @property
    def networks(self) -> dict[str, tuple[str, ...]]:
        """Network name to the names that the proxy bears on it."""
        names: dict[str, list[str]] = {}
        for route in self.routes:
            for network, aliases in route.networks:
                names.setdefault(network, []).extend(aliases)
        return {network: tuple(dict.fromkeys(aliases)) for network, aliases in names.items()}

    @property
    def container(self) -> tuple[Any, ...]:
        """What only a new container can change: Docker fixes it when it makes one."""
        published = sorted(
            (one.host_ip, one.host_port, one.internal_port) for one in self.published
        )
        networks = sorted((name, tuple(sorted(a))) for name, a in self.networks.items())
        return (self.settings.image, self.settings.monitor, *published, *networks)


def free_offsets(count: int, *, keep: Iterable[int], taken: Iterable[int]) -> tuple[int, ...]:
    """``count`` host numbers: those of ``keep`` first, then the lowest that nobody has taken."""
    kept = tuple(keep)[:count]
    unfree = set(taken) | set(kept)
    free = (slot for slot in range(FIRST_OFFSET, 1 << 16) if slot not in unfree)
    return kept + tuple(next(free) for _ in range(count - len(kept)))


class Change(IntEnum):
    """What it takes to make the proxy know another topology, in order of how much it costs."""

    NONE = 0
    RELOAD = 1
    START = 2
    CREATE = 3
    RECREATE = 4


@dataclass(frozen=True, slots=True)
class InternalPorts:
    """Hands out ports inside the proxy: those already given stay, new ones are free ones."""

    taken: Mapping[str, int] = field(default_factory=dict)
    reserved: frozenset[int] = frozenset()

    def give(self, wanted: Iterable[str]) -> dict[str, int]:
        """``wanted`` are host ports as ``ip:port/tcp``; returns each one's door."""
        wanted = list(wanted)
        given = {where: self.taken[where] for where in wanted if where in self.taken}
        free = (
            internal_port
            for internal_port in range(FIRST_INTERNAL_PORT, 65536)
            if internal_port not in self.taken.values() and internal_port not in self.reserved
        )
        return {where: given.get(where) or next(free) for where in wanted}
