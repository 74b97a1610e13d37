"""The topology of a project: the published ports of the proxy and the colours of each service.

``haproxy.cfg`` and the proxy's container are made from a ``Topology`` alone. It does not contain
which colour is live (the routing map has one line for that), so most deployments don't change it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any

from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.route_conflicts import PortUser

FIRST_INTERNAL_PORT = 10001
"""The first internal port. Each published port has its own port inside the proxy, so two services
can both listen on 8080 and the proxy can still tell their requests apart."""

NO_ROUTE = "none"
"""The mode of a worker's backend: it has addresses, but HAProxy has no port and no servers for it."""

MONITOR_PORT = 10000
"""The port for statistics and metrics, inside the proxy's container."""

FIRST_OFFSET = 16
"""Docker takes the addresses of the gateway and of the proxy from the numbers below it."""

WHOLE = 10_000
"""The canary weight that is all requests."""


@dataclass(frozen=True, slots=True)
class CanaryWeight:
    """How many of 10,000 requests go to the colour that isn't live.

    ``sticky``: a cookie keeps each client on the colour that answered its first request.
    """

    parts: int
    sticky: bool = False

    def __str__(self) -> str:
        return f"{self.parts / (WHOLE / 100):g}%"


@dataclass(frozen=True, slots=True)
class TrafficSplit:
    """Where the requests of one service go: to the live colour, except for the canary weight."""

    live: Colour | None
    canary_weight: CanaryWeight | None = None

    def uses(self, colour: Colour) -> bool:
        """Whether the colour gets requests, all of them or a share."""
        return self.live is not None and (self.live is colour or self.canary_weight is not None)


@dataclass(frozen=True, slots=True)
class Check:
    """How HAProxy checks the health of a replica; durations in milliseconds.

    Without ``path`` HAProxy opens a connection; with it, HAProxy sends a GET and expects ``status``.
    """

    path: str | None = None
    status: str = "200-399"
    interval_ms: int = 1000
    timeout_ms: int = 2000
    rise: int = 2
    fall: int = 3


@dataclass(frozen=True, slots=True)
class ColourBackend:
    """The backend of one colour: the addresses of its replicas and the ports on which they listen.

    ``address_offsets`` are host numbers within the network that only the proxy and the colours share;
    ``internal_ports`` maps a port inside the proxy to the container's port behind it.
    """

    address_offsets: tuple[int, ...]
    port: int
    internal_ports: tuple[tuple[int, int], ...]
    mode: str = "http"
    check: Check = Check()

    @property
    def ports(self) -> tuple[int, ...]:
        """The container's ports, first the port that HAProxy checks."""
        further_ports = {behind for _, behind in self.internal_ports} - {self.port}
        return (self.port, *sorted(further_ports)) if self.port else ()

    def behind(self, internal_port: int) -> int | None:
        return dict(self.internal_ports).get(internal_port)


@dataclass(frozen=True, slots=True)
class Published:
    """A host port that the proxy publishes; ``host_port`` "" lets Docker choose one.

    ``key`` is ``ip:port/tcp``: the same key keeps the same ``internal_port``. With ``tls``
    the proxy terminates TLS on it, with the certificates of ``ProxySettings``.
    """

    key: str
    host_ip: str
    host_port: str
    internal_port: int
    tls: bool = False


LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Preview:
    """Access to the idle colour while it is healthy and not yet live.

    Requests have ``key`` in a header or a cookie ("" turns this off) and come from one of
    ``networks``, if there are any. Only the idle colour answers on ``port``, which is on the host's
    loopback interface.
    """

    key: str = ""
    networks: tuple[str, ...] = ()
    port: Published | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """The proxy's part for one service: its names and published ports, and both colours.

    The service receives the requests to its published ports that match ``hosts`` and ``paths``;
    without any of these, it receives all requests.
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
        """All ports that Docker publishes for it, with the preview port."""
        port = self.preview.port if self.preview else None
        return (*self.published, port) if port else self.published

    def target(self, colour: Colour) -> ColourBackend | None:
        return dict(self.targets).get(colour)

    @property
    def reachable(self) -> bool:
        """Whether clients can reach it through the proxy.

        They can't while the user's own container still has its ports and names. Workers receive no
        requests, so they always count as reachable.
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

    ``image`` None means the default image. ``monitor`` is the loopback port of statistics and
    metrics (0 lets Docker choose). ``snippets`` are texts added to ``global``, ``defaults`` and
    ``frontend``. ``monitor_from`` are networks that may read statistics in addition to the Docker
    host. ``certificates`` is the digest of the TLS certificate files, "" without any. ``header_bytes``
    and ``header_lines`` limit the headers of a request, and of a response.
    """

    image: str | None = None
    monitor: int = 0
    timeout_ms: int = 3_600_000
    trusted_proxies: tuple[str, ...] = ()
    snippets: tuple[tuple[str, str], ...] = ()
    monitor_from: tuple[str, ...] = ()
    certificates: str = ""
    header_bytes: int = 65_536
    header_lines: int = 256


@dataclass(frozen=True, slots=True)
class Topology:
    """Everything that the proxy must know, except which colour is live."""

    project: str
    settings: ProxySettings = ProxySettings()
    routes: tuple[Route, ...] = ()

    def route(self, service: str) -> Route | None:
        return next((route for route in self.routes if route.service == service), None)

    def with_route(self, route: Route) -> Topology:
        other_routes = [known for known in self.routes if known.service != route.service]
        routes = sorted((*other_routes, route), key=lambda route: route.service)
        return replace(self, routes=tuple(routes))

    def without_published(self, services: Iterable[str]) -> Topology:
        """The same, but the proxy does not have the ports and names of these services.

        It can still check the health of their replicas.
        """
        hidden = set(services)
        routes = tuple(
            replace(route, published=(), networks=(), preview=None)
            if route.service in hidden
            else route
            for route in self.routes
        )
        return replace(self, routes=routes)

    def previews(self, service: str) -> bool:
        """Whether preview users can reach its idle colour."""
        route = self.route(service)
        return route is not None and route.preview is not None

    def port_users(self) -> dict[str, list[PortUser]]:
        """The key of each published port to the services behind it."""
        users: dict[str, list[PortUser]] = {}
        for route in self.routes:
            mode = "tcp" if "tcp" in route.modes else "http"
            for port in route.published:
                user = PortUser(route.service, route.hosts, route.paths, port.tls, mode)
                key = port.key if port.host_port else f"{port.internal_port}"
                users.setdefault(key, []).append(user)
        return users

    @property
    def address_offsets(self) -> frozenset[int]:
        return frozenset(
            offset
            for route in self.routes
            for _, target in route.targets
            for offset in target.address_offsets
        )

    @property
    def published(self) -> tuple[Published, ...]:
        """All published ports. A port that several services share is contained once."""
        return tuple(dict.fromkeys(port for route in self.routes for port in route.ports))

    @property
    def networks(self) -> dict[str, tuple[str, ...]]:
        """Network name to the aliases of the proxy on it."""
        names: dict[str, list[str]] = {}
        for route in self.routes:
            for network, aliases in route.networks:
                names.setdefault(network, []).extend(aliases)
        return {network: tuple(dict.fromkeys(aliases)) for network, aliases in names.items()}

    @property
    def container(self) -> tuple[Any, ...]:
        """Everything that only a new container of the proxy can change, with a gap."""
        published = sorted(
            (port.host_ip, port.host_port, port.internal_port) for port in self.published
        )
        networks = sorted((name, tuple(sorted(a))) for name, a in self.networks.items())
        return (self.settings.monitor, *published, *networks)


def free_offsets(count: int, *, keep: Iterable[int], taken: Iterable[int]) -> tuple[int, ...]:
    """``count`` host numbers: first those of ``keep``, then the lowest free ones."""
    kept = tuple(keep)[:count]
    used = set(taken) | set(kept)
    free = (offset for offset in range(FIRST_OFFSET, 1 << 16) if offset not in used)
    return kept + tuple(next(free) for _ in range(count - len(kept)))


class Change(IntEnum):
    """How the proxy can be changed to another topology, from the cheapest way to the most expensive."""

    NONE = 0
    RELOAD = 1
    START = 2
    CREATE = 3
    HAND_OVER = 4
    """HAProxy of another image takes over, without a gap."""
    RECREATE = 5


@dataclass(frozen=True, slots=True)
class InternalPorts:
    """Assigns ports inside the proxy: a published port keeps its internal port, a new one gets a free
    one."""

    taken: Mapping[str, int] = field(default_factory=dict)
    reserved: frozenset[int] = frozenset()

    def give(self, keys: Iterable[str]) -> dict[str, int]:
        """Published port (``ip:port/tcp``) to internal port."""
        keys = list(keys)
        given = {key: self.taken[key] for key in keys if key in self.taken}
        free = (
            internal_port
            for internal_port in range(FIRST_INTERNAL_PORT, 65536)
            if internal_port not in self.taken.values() and internal_port not in self.reserved
        )
        return {key: given.get(key) or next(free) for key in keys}
