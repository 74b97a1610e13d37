"""Writes ``haproxy.cfg`` from a topology. Pure but for reading the template."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
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
    CanaryWeight,
    Check,
    ColourBackend,
    Preview,
    Route,
    Topology,
    TrafficSplit,
)

STATE = "/var/lib/bluegreen"
MAP = f"{STATE}/route.map"
PREVIEW = f"{STATE}/preview.map"
PREVIEW_HEADER = "X-Bluegreen"
PREVIEW_COOKIE = "bluegreen-preview"
HOSTS = "hosts.acl"
"""The file with the Docker host's own addresses."""

TICKET = "bluegreen"
"""The cookie by which a visitor stays with the colour that he met first."""

_WORD = re.compile(r"[A-Za-z0-9._-]+")
"""Compose's own rule for names; nothing else reaches the configuration or the socket."""

_SECRET = re.compile(r"[A-Za-z0-9._~-]+")

_WHERE = re.compile(r"[0-9A-Za-z.:\[\]-]*:[0-9]*/tcp(->[0-9]+)?")
"""An address and a port; it only gets into a comment, which a line break would end."""


@dataclass(frozen=True, slots=True)
class _Aim:
    colour: Colour
    backend: str


@dataclass(frozen=True, slots=True)
class _Way:
    """One service behind a door. ``names`` are asked for only where a door has two, and ``picked``
    is one that hosts and paths decide about; ``secret`` is what opens the preview."""

    key: str
    service: str
    targets: tuple[_Aim, ...]
    names: tuple[str, ...] = ()
    secret: str = ""
    only_from: tuple[str, ...] = ()
    picked: bool = False

    @property
    def shares(self) -> bool:
        """Whether a request must be asked for whom it is."""
        return bool(self.names) or self.picked


@dataclass(frozen=True, slots=True)
class _Pick:
    """Which service's a request is: one for this host, or for all that end so, and below this path.

    Of all that fit the last one counts.
    """

    service: str
    host: str
    ending: str
    prefix: str


@dataclass(frozen=True, slots=True)
class _Door:
    """``previews``: only idle colours that are proven and held back are behind it."""

    port: int
    title: str
    mode: str
    ways: tuple[_Way, ...]
    previews: bool = False
    tls: bool = False
    picks: tuple[_Pick, ...] = ()

    @property
    def turns_away(self) -> bool:
        """Whether there are requests that nobody here wants."""
        return bool(self.picks) and any(
            (self.picks[0].host, self.picks[0].ending, self.picks[0].prefix)
        )

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
    return hashlib.sha256((template_folder() / "haproxy.cfg.j2").read_bytes()).hexdigest()[:16]


def backend(service: str, colour: Colour, port: int) -> str:
    return f"{service}-{colour}-{port}"


def server(number: int) -> str:
    return f"replica{number}"


def address(network: IPv4Network, slot: int) -> str:
    """Raises ProxyFailed where the network is too small to have that seat."""
    if slot >= network.num_addresses - 1:
        raise ProxyFailed(
            f"network {network} has no room for replica address number {slot}",
            hint="give Docker larger default-address-pools, or run fewer replicas",
        )
    return str(network.network_address + slot)


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
        project=_word(topology.project),
        snippets={"global": "", "defaults": "", "frontend": ""} | dict(topology.settings.snippets),
        timeout_ms=topology.settings.timeout_ms,
        trusted=topology.settings.trusted_proxies,
        monitor_port=MONITOR_PORT,
        monitor_from=("127.0.0.0/8", *topology.settings.monitor_from),
        hosts=f"{STATE}/{HOSTS}",
        map_path=MAP,
        preview_path=PREVIEW,
        preview_header=PREVIEW_HEADER,
        preview_cookie=PREVIEW_COOKIE,
        event_stream=EVENT_STREAM,
        ticket=TICKET,
        doors=_doors(topology),
        certificates=_certificates(topology),
        backends=[one for route in topology.routes for one in _backends(route, network)],
    )


def _doors(topology: Topology) -> list[_Door]:
    behind: dict[int, list[Route]] = {}
    for route in topology.routes:
        for internal_port in route.internal_ports:
            behind.setdefault(internal_port, []).append(route)
    known = [_door(port, routes) for port, routes in sorted(behind.items())]
    previews = [_preview_door(route) for route in topology.routes]
    return [*known, *(one for one in previews if one)]


def _preview_door(route: Route) -> _Door | None:
    port = route.preview.port if route.preview else None
    if port is None or not route.targets:
        return None
    service = _word(route.service)
    aims = tuple(
        _Aim(colour, backend(service, colour, target.port)) for colour, target in route.targets
    )
    mode = "http" if route.modes == {"http"} else "tcp"
    title = f"{service}: previewed at {_where(port.where)}"
    return _Door(port.internal_port, title, mode, (_Way("way0", service, aims),), previews=True)


def _door(port: int, routes: list[Route]) -> _Door:
    published = {
        one.internal_port: _where(one.where) for route in routes for one in route.published
    }
    names = ", ".join(route.service for route in routes)
    title = (
        f"{names}: published as {published[port]}"
        if port in published
        else f"{names} inside the project"
    )
    modes = {mode for route in routes for mode in route.modes}
    mode = "http" if modes == {"http"} else "tcp"
    if len(routes) > 1 and mode == "tcp":
        raise ProxyFailed(
            f"{names} share port {port}, and over plain TCP nothing says which one a caller meant",
            hint="let one of them listen on another port",
        )
    picks = _picks(routes) if port in published else ()
    shared = len(routes) > 1 and not picks
    ways = tuple(
        _way(i, one, port, names=shared, picked=bool(picks)) for i, one in enumerate(routes)
    )
    tls = any(one.tls for route in routes for one in route.published if one.internal_port == port)
    return _Door(port, title, mode, ways, tls=tls, picks=picks)


def _picks(routes: list[Route]) -> tuple[_Pick, ...]:
    """What says least first. None where one service has the port for itself."""
    claims = [
        (match.rank, route.service, match)
        for route in routes
        for match in PortUser(route.service, route.hosts, route.paths).matches
    ]
    if len(claims) == 1 and claims[0][2] == RouteMatch():
        return ()
    return tuple(
        _pick(service, claim) for _, service, claim in sorted(claims, key=itemgetter(0, 1))
    )


def _pick(service: str, claim: RouteMatch) -> _Pick:
    wild = claim.host.startswith("*.")
    name = _word(claim.host.removeprefix("*.")) if claim.host else ""
    prefix = "/".join(["", *map(_word, claim.path.split("/")[1:]), ""]) if claim.path else ""
    return _Pick(_word(service), "" if wild else name, f".{name}" if wild else "", prefix)


def certificates_folder(digest: str) -> str:
    """Another for each content: what one configuration reads, no other changes."""
    return f"certificates-{digest}"


def _certificates(topology: Topology) -> str:
    """Raises ProxyFailed where a port is to speak TLS and has nothing to do it with."""
    digest = topology.settings.certificates
    wanting = [one.host_port for one in topology.published if one.tls]
    if wanting and not digest:
        raise ProxyFailed(
            f"port {wanting[0]} is to speak TLS, and the certificates went with the proxy",
            hint=Hint(Action.UP, ", where the compose file and its certificates are"),
        )
    return f"{STATE}/{certificates_folder(_word(digest))}/" if digest else ""


def _way(index: int, route: Route, port: int, *, names: bool, picked: bool) -> _Way:
    aims = tuple(
        _Aim(colour, backend(_word(route.service), colour, behind))
        for colour, target in route.targets
        if (behind := target.behind(port)) is not None
    )
    every = [route.service, *(alias for _, aliases in route.networks for alias in aliases)]
    words = tuple(dict.fromkeys(_word(name).lower() for name in every)) if names else ()
    preview = route.preview or Preview()
    secret = _secret(preview.key)
    return _Way(f"way{index}", route.service, aims, words, secret, preview.networks, picked)


def _backends(route: Route, network: IPv4Network) -> list[_Backend]:
    service = _word(route.service)
    return [
        _backend(service, colour, target, port, network)
        for colour, target in route.targets
        for port in target.ports
    ]


def _backend(
    service: str, colour: Colour, target: ColourBackend, port: int, network: IPv4Network
) -> _Backend:
    checked = backend(service, colour, target.port)
    colour_addresses = enumerate(target.address_offsets, start=1)
    return _Backend(
        name=backend(service, colour, port),
        mode=target.mode,
        port=port,
        host=service,
        servers=tuple(
            _Server(server(number), address(network, slot)) for number, slot in colour_addresses
        ),
        check=target.check,
        track="" if port == target.port else checked,
    )


def _word(text: str) -> str:
    if not _WORD.fullmatch(text):
        raise ProxyFailed(f"{text!r} can't be a name in HAProxy's configuration")
    return text


def _secret(text: str) -> str:
    if text and not _SECRET.fullmatch(text):
        raise ProxyFailed("what opens a preview can't be that", hint="see preview.key")
    return text


def _where(text: str) -> str:
    if not _WHERE.fullmatch(text):
        raise ProxyFailed(f"{text!r} can't be where a port is published")
    return text


def _indented(text: str) -> str:
    return "".join(f"    {line}".rstrip() + "\n" for line in text.strip("\n").splitlines())


def map_text(flows: Mapping[str, TrafficSplit]) -> str:
    return "".join(f"{_word(name)} {_said(flow)}\n" for name, flow in sorted(flows.items()))


def _said(flow: TrafficSplit) -> str:
    """``green``, or ``green/blue/500/sticky``: blue gets 500 of 10,000 while green is live."""
    if flow.live is None or flow.canary_weight is None:
        return str(flow.live or "none")
    sticky = "/sticky" if flow.canary_weight.sticky else ""
    return f"{flow.live}/{flow.live.other}/{flow.canary_weight.parts}{sticky}"


def read_map(text: str) -> dict[str, TrafficSplit]:
    """The opposite of ``map_text``; also reads ``show map``, whose lines begin with a pointer."""
    flows: dict[str, TrafficSplit] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2:
            flows.setdefault(words[-2], _flow(words[-1]))
    return flows


def _flow(said: str) -> TrafficSplit:
    """Whoever edited it by hand: what can't be read as a share is none."""
    live, *more = said.split("/")
    if live not in set(Colour):
        return TrafficSplit(None)
    shared = len(more) > 1 and more[1].isdecimal()
    return TrafficSplit(
        Colour(live), CanaryWeight(int(more[1]), more[2:] == ["sticky"]) if shared else None
    )
