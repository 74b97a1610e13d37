"""The format of ``topology.json`` on the proxy's volume, and of the label ``made-for``.

Both live on users' machines, so the fields here keep the names that they have there, whatever the
domain calls these things today. The settings of the proxy and of checks alone are stored under the names
of the domain, so that a new setting needs nothing here; golden files fail where one is renamed. A file without a number is of format 1: earlier versions wrote
none. A later field gets a default here, because earlier versions leave it out; a change that an
earlier version must not ignore gets a new number.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from compose_bluegreen.adapters.haproxy.topology_checks import check
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import ProxyFailed
from compose_bluegreen.domain.hints import Action, Hint
from compose_bluegreen.domain.names import companion
from compose_bluegreen.domain.topology import (
    Check,
    ColourBackend,
    Preview,
    ProxySettings,
    Published,
    Route,
    Topology,
)

FORMAT = 1


@dataclass(frozen=True, slots=True)
class TargetDocument:
    slots: tuple[int, ...]
    port: int
    doors: tuple[tuple[int, int], ...]
    mode: str = "http"
    check: Check = field(default_factory=Check)


@dataclass(frozen=True, slots=True)
class PublishedDocument:
    where: str
    host_ip: str
    host_port: str
    door: int
    tls: bool = False


@dataclass(frozen=True, slots=True)
class PreviewDocument:
    key: str = ""
    networks: tuple[str, ...] = ()
    port: PublishedDocument | None = None


@dataclass(frozen=True, slots=True)
class RouteDocument:
    service: str
    published: tuple[PublishedDocument, ...] = ()
    networks: tuple[tuple[str, tuple[str, ...]], ...] = ()
    targets: tuple[tuple[Literal["blue", "green"], TargetDocument], ...] = ()
    preview: PreviewDocument | None = None
    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProjectDocument:
    project: str
    settings: ProxySettings = field(default_factory=ProxySettings)
    routes: tuple[RouteDocument, ...] = ()


@dataclass(frozen=True, slots=True)
class TopologyDocument:
    """``template`` is the digest of the template that the configuration was rendered from."""

    template: str
    topology: ProjectDocument
    format: int = FORMAT

    @classmethod
    def of(cls, topology: Topology, template: str) -> TopologyDocument:
        return cls(template, _project(topology))

    @classmethod
    def parse(cls, text: str, project: str) -> TopologyDocument:
        """Raises ProxyFailed for a file of a newer version, and for one that is damaged."""
        try:
            fields = {"format": FORMAT} | json.loads(text)
            if fields["format"] > FORMAT:
                raise _newer(fields["format"])
            document = _reader().validate_python(fields)
            check(document.topology, project)
        except (ValueError, TypeError, ValidationError, RecursionError, OverflowError) as error:
            raise ProxyFailed(
                "the proxy's topology.json cannot be read",
                hint=Hint(
                    f"docker compose --project-name {companion(project)} down --volumes removes the"
                    " proxy and both colours, ",
                    Action.UP,
                    " creates them again",
                ),
            ) from error
        return document

    def text(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    def means_the_same_as(self, other: TopologyDocument) -> bool:
        """A file of another format that means the same needs no reload."""
        return (self.template, self.topology) == (other.template, other.topology)

    def made_for(self, image: str | None) -> str:
        """What only a new container can change, as a digest. Another value costs every user a gap.

        ``image`` is the user's image that the container has, which HAProxy beside it may not have."""
        settings, routes = self.topology.settings, self.topology.routes
        ports = dict.fromkeys(port for route in routes for port in _ports(route))
        names: dict[str, set[str]] = {}
        for route in routes:
            for network, aliases in route.networks:
                names.setdefault(network, set()).update(aliases)
        fixed = (
            image,
            settings.monitor,
            *sorted((port.host_ip, port.host_port, port.door) for port in ports),
            *sorted((network, tuple(sorted(aliases))) for network, aliases in names.items()),
        )
        return hashlib.sha256(repr(fixed).encode()).hexdigest()[:16]

    def domain(self) -> Topology:
        """The topology that it describes."""
        return Topology(
            project=self.topology.project,
            settings=self.topology.settings,
            routes=tuple(_domain_route(route) for route in self.topology.routes),
        )


@cache
def _reader() -> TypeAdapter[TopologyDocument]:
    return TypeAdapter(TopologyDocument)


def _newer(number: int) -> ProxyFailed:
    return ProxyFailed(
        f"the proxy's topology.json has format {number}, written by a newer version of"
        f" compose-bluegreen: this one reads formats up to {FORMAT}",
        hint="upgrade: pip install --upgrade compose-bluegreen",
    )


def _ports(route: RouteDocument) -> tuple[PublishedDocument, ...]:
    preview = route.preview.port if route.preview else None
    return (*route.published, preview) if preview else route.published


def _project(topology: Topology) -> ProjectDocument:
    return ProjectDocument(
        project=topology.project,
        settings=topology.settings,
        routes=tuple(_route(route) for route in topology.routes),
    )


def _route(route: Route) -> RouteDocument:
    return RouteDocument(
        service=route.service,
        published=tuple(_published(port) for port in route.published),
        networks=route.networks,
        targets=tuple((colour.value, _target(target)) for colour, target in route.targets),
        preview=_preview(route.preview) if route.preview else None,
        hosts=route.hosts,
        paths=route.paths,
    )


def _domain_route(route: RouteDocument) -> Route:
    return Route(
        service=route.service,
        published=tuple(_domain_published(port) for port in route.published),
        networks=route.networks,
        targets=tuple((Colour(name), _domain_target(target)) for name, target in route.targets),
        preview=_domain_preview(route.preview) if route.preview else None,
        hosts=route.hosts,
        paths=route.paths,
    )


def _target(target: ColourBackend) -> TargetDocument:
    return TargetDocument(
        slots=target.address_offsets,
        port=target.port,
        doors=target.internal_ports,
        mode=target.mode,
        check=target.check,
    )


def _domain_target(target: TargetDocument) -> ColourBackend:
    return ColourBackend(
        address_offsets=target.slots,
        port=target.port,
        internal_ports=target.doors,
        mode=target.mode,
        check=target.check,
    )


def _preview(preview: Preview) -> PreviewDocument:
    return PreviewDocument(
        key=preview.key,
        networks=preview.networks,
        port=_published(preview.port) if preview.port else None,
    )


def _domain_preview(preview: PreviewDocument) -> Preview:
    return Preview(
        key=preview.key,
        networks=preview.networks,
        port=_domain_published(preview.port) if preview.port else None,
    )


def _published(port: Published) -> PublishedDocument:
    return PublishedDocument(
        where=port.key,
        host_ip=port.host_ip,
        host_port=port.host_port,
        door=port.internal_port,
        tls=port.tls,
    )


def _domain_published(port: PublishedDocument) -> Published:
    return Published(
        key=port.where,
        host_ip=port.host_ip,
        host_port=port.host_port,
        internal_port=port.door,
        tls=port.tls,
    )
