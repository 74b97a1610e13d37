"""Renders ``haproxy.cfg`` from a topology. Pure but for the template, which it reads."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Network
from operator import itemgetter
from pathlib import Path

from compose_bluegreen.adapters.haproxy.session_table import EVENT_STREAM
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import ProxyFailed
from compose_bluegreen.domain.hints import Action, Hint
from compose_bluegreen.domain.route_conflicts import PortUser, RouteMatch
from compose_bluegreen.domain.topology import (
    MONITOR_PORT,
    Check,
    ColourBackend,
    Preview,
    Route,
    Topology,
)

STATE = "/var/lib/bluegreen"
MAP = f"{STATE}/route.map"
LOCK = f"{STATE}/lock"
PREVIEW = f"{STATE}/preview.map"
PREVIEW_HEADER = "X-Bluegreen"
PREVIEW_COOKIE = "bluegreen-preview"
HOSTS = "hosts.acl"
"""The file with the Docker host's own addresses."""

TICKET = "bluegreen"
"""The cookie that keeps a client with the colour of its first request."""

NO_COLOUR = "nobody"
"""The backend while no colour is live. Its name is in the metrics."""

_WORD = re.compile(r"[A-Za-z0-9._-]+")
"""Compose's own rule for names; nothing else reaches the configuration or the socket."""

_SECRET = re.compile(r"[A-Za-z0-9._~-]+")

_ADDRESS = re.compile(r"[0-9A-Za-z.:\[\]-]*:[0-9]*/tcp(->[0-9]+)?")
"""An address and a port; it only gets into a comment, which a line break would end."""


@dataclass(frozen=True, slots=True)
class _BackendRef:
    colour: Colour
    backend: str


@dataclass(frozen=True, slots=True)
class _ServiceRoute:
    """One service behind a frontend. ``names`` are compared with the request's host where several
    services share the frontend; ``matched`` says that hosts and paths decide instead; ``secret`` is
    the key of its preview."""

    key: str
    service: str
    backends: tuple[_BackendRef, ...]
    names: tuple[str, ...] = ()
    secret: str = ""
    only_from: tuple[str, ...] = ()
    matched: bool = False

    @property
    def has_condition(self) -> bool:
        """Other services share the frontend, so a request must be for this one."""
        return bool(self.names) or self.matched


@dataclass(frozen=True, slots=True)
class _RequestMatch:
    """A request is for this service if its host is ``host`` or ends with ``ending``, and its path is
    below ``prefix``. Of all that match, the last one counts."""

    service: str
    host: str
    ending: str
    prefix: str


@dataclass(frozen=True, slots=True)
class _Frontend:
    """``previews``: it serves only idle colours that are healthy and held back. ``is_published``:
    clients come from outside the project."""

    port: int
    title: str
    mode: str
    routes: tuple[_ServiceRoute, ...]
    previews: bool = False
    tls: bool = False
    matches: tuple[_RequestMatch, ...] = ()
    is_published: bool = False

    @property
    def rejects_others(self) -> bool:
        """There are requests that no service here matches."""
        first = self.matches[0] if self.matches else None
        return first is not None and any((first.host, first.ending, first.prefix))

    @property
    def rules(self) -> str:
        return "http-request" if self.mode == "http" else "tcp-request content"


@dataclass(frozen=True, slots=True)
class _Server:
    name: str
    address: str


@dataclass(frozen=True, slots=True)
class _Backend:
    name: str
    mode: str
    port: int
    host: str
    servers: tuple[_Server, ...]
    check: Check
    track: str = ""


def template_folder() -> Path:
    """Beside the package in a wheel, at the top level in a checkout."""
    package = Path(__file__).parents[2]
    inside = package / "haproxy"
    return inside if inside.is_dir() else package.parent / "haproxy"


@cache
def template_digest() -> str:
    return instructions_digest((template_folder() / "haproxy.cfg.j2").read_text(encoding="utf-8"))[
        :16
    ]


def instructions_digest(text: str) -> str:
    """Of a file's instructions: its comments and empty lines change nothing."""
    lines = (line.strip() for line in text.splitlines())
    instructions = [line for line in lines if line and not line.startswith("#")]
    return hashlib.sha256("\n".join(instructions).encode()).hexdigest()


def backend(service: str, colour: Colour, port: int) -> str:
    return f"{service}-{colour}-{port}"


def server(number: int) -> str:
    return f"replica{number}"


def replica_address(network: IPv4Network, offset: int) -> str:
    """Raises ProxyFailed where the network is too small."""
    if offset >= network.num_addresses - 1:
        raise ProxyFailed(
            f"network {network} has no room for replica address number {offset}",
            hint="give Docker larger default-address-pools, or run fewer replicas",
        )
    return str(network.network_address + offset)


def certificates_folder(digest: str) -> str:
    """A folder for each content: a new one changes nothing that the present configuration reads."""
    return f"certificates-{digest}"


def word(text: str) -> str:
    """Raises ProxyFailed for what is no name."""
    if not _WORD.fullmatch(text):
        raise ProxyFailed(f"{text!r} can't be a name in HAProxy's configuration")
    return text


def render(topology: Topology, network: IPv4Network) -> str:
    """``network`` is the subnet that only the proxy and the colours share."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - 50 ms, rarely needed

    environment = Environment(
        loader=FileSystemLoader(template_folder()),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - not HTML; every value is checked against _WORD or by settings.py
    )
    environment.filters["indented"] = _indented
    return environment.get_template("haproxy.cfg.j2").render(
        project=word(topology.project),
        snippets={"global": "", "defaults": "", "frontend": ""} | dict(topology.settings.snippets),
        settings=topology.settings,
        monitor_port=MONITOR_PORT,
        monitor_from=("127.0.0.0/8", *topology.settings.monitor_from),
        hosts=f"{STATE}/{HOSTS}",
        map_path=MAP,
        preview_path=PREVIEW,
        preview_header=PREVIEW_HEADER,
        preview_cookie=PREVIEW_COOKIE,
        event_stream=EVENT_STREAM,
        ticket=TICKET,
        no_colour=NO_COLOUR,
        frontends=_frontends(topology),
        certificates=_certificates(topology),
        backends=[section for route in topology.routes for section in _backends(route, network)],
    )


def _frontends(topology: Topology) -> list[_Frontend]:
    behind: dict[int, list[Route]] = {}
    for route in topology.routes:
        for port in route.internal_ports:
            behind.setdefault(port, []).append(route)
    frontends = [_frontend(port, routes) for port, routes in sorted(behind.items())]
    previews = [_preview_frontend(route) for route in topology.routes]
    return [*frontends, *(preview for preview in previews if preview)]


def _preview_frontend(route: Route) -> _Frontend | None:
    port = route.preview.port if route.preview else None
    if port is None or not route.targets:
        return None
    service = word(route.service)
    backends = tuple(
        _BackendRef(colour, backend(service, colour, target.port))
        for colour, target in route.targets
    )
    mode = "http" if route.modes == {"http"} else "tcp"
    title = f"{service}: previewed at {_address(port.key)}"
    routes = (_ServiceRoute("way0", service, backends),)
    return _Frontend(port.internal_port, title, mode, routes, previews=True)


def _frontend(port: int, routes: list[Route]) -> _Frontend:
    published = [
        published_port
        for route in routes
        for published_port in route.published
        if published_port.internal_port == port
    ]
    names = ", ".join(route.service for route in routes)
    title = f"{names} inside the project"
    if published:
        title = f"{names}: published as {_address(published[-1].key)}"
    modes = {mode for route in routes for mode in route.modes}
    mode = "http" if modes == {"http"} else "tcp"
    if len(routes) > 1 and mode == "tcp":
        raise ProxyFailed(
            f"{names} share port {port}, and a plain TCP connection names no service",
            hint="let one of them listen on another port",
        )
    matches = _matches(routes) if published else ()
    by_name = len(routes) > 1 and not matches
    service_routes = tuple(
        _service_route(number, route, port, by_name=by_name, matched=bool(matches))
        for number, route in enumerate(routes)
    )
    tls = any(published_port.tls for published_port in published)
    return _Frontend(
        port,
        title,
        mode,
        service_routes,
        tls=tls,
        matches=matches,
        is_published=bool(published),
    )


def _matches(routes: list[Route]) -> tuple[_RequestMatch, ...]:
    """The least specific first. None where one service has the port for itself."""
    matches = [
        (match.rank, route.service, match)
        for route in routes
        for match in PortUser(route.service, route.hosts, route.paths).matches
    ]
    if len(matches) == 1 and matches[0][2] == RouteMatch():
        return ()
    return tuple(
        _match(service, match) for _, service, match in sorted(matches, key=itemgetter(0, 1))
    )


def _match(service: str, match: RouteMatch) -> _RequestMatch:
    wild = match.host.startswith("*.")
    name = word(match.host.removeprefix("*.")) if match.host else ""
    prefix = "/".join(["", *map(word, match.path.split("/")[1:]), ""]) if match.path else ""
    return _RequestMatch(word(service), "" if wild else name, f".{name}" if wild else "", prefix)


def _certificates(topology: Topology) -> str:
    """Raises ProxyFailed where a port must serve TLS and the proxy has no certificate for it."""
    digest = topology.settings.certificates
    ports = [port.host_port for port in topology.published if port.tls]
    if ports and not digest:
        raise ProxyFailed(
            f"port {ports[0]} must serve TLS, and the certificates were removed with the proxy",
            hint=Hint(Action.UP, ", where the compose file and its certificates are"),
        )
    return f"{STATE}/{certificates_folder(word(digest))}/" if digest else ""


def _service_route(
    number: int, route: Route, port: int, *, by_name: bool, matched: bool
) -> _ServiceRoute:
    backends = tuple(
        _BackendRef(colour, backend(word(route.service), colour, behind))
        for colour, target in route.targets
        if (behind := target.behind(port)) is not None
    )
    every = [route.service, *(alias for _, aliases in route.networks for alias in aliases)]
    names = tuple(dict.fromkeys(word(name).lower() for name in every)) if by_name else ()
    preview = route.preview or Preview()
    return _ServiceRoute(
        f"way{number}",
        route.service,
        backends,
        names,
        _secret(preview.key),
        preview.networks,
        matched,
    )


def _backends(route: Route, network: IPv4Network) -> list[_Backend]:
    service = word(route.service)
    return [
        _backend(service, colour, target, port, network)
        for colour, target in route.targets
        for port in target.ports
    ]


def _backend(
    service: str, colour: Colour, target: ColourBackend, port: int, network: IPv4Network
) -> _Backend:
    servers = (
        _Server(server(number), replica_address(network, offset))
        for number, offset in enumerate(target.address_offsets, start=1)
    )
    return _Backend(
        name=backend(service, colour, port),
        mode=target.mode,
        port=port,
        host=service,
        servers=tuple(servers),
        check=target.check,
        track="" if port == target.port else backend(service, colour, target.port),
    )


def _secret(text: str) -> str:
    if text and not _SECRET.fullmatch(text):
        raise ProxyFailed(
            "the key of a preview has a character that HAProxy's configuration can't have",
            hint="preview.key may only contain letters, digits and . _ ~ -",
        )
    return text


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise ProxyFailed(f"{text!r} can't be an address at which a port is published")
    return text


def _indented(text: str) -> str:
    return "".join(f"    {line}".rstrip() + "\n" for line in text.strip("\n").splitlines())
