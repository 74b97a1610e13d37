"""The topology that a release needs, computed from the topology that the proxy has. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from compose_bluegreen.config.compose_file import ManagedService, Project, host, speaks_tls
from compose_bluegreen.config.settings import ServiceSettings
from compose_bluegreen.config.settings_reader import restored
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import BluegreenError
from compose_bluegreen.domain.hints import Action, Hint
from compose_bluegreen.domain.release import Release, is_worker, published, replicas
from compose_bluegreen.domain.route_conflicts import find_conflicts
from compose_bluegreen.domain.topology import (
    LOOPBACK,
    NO_ROUTE,
    ColourBackend,
    InternalPorts,
    Preview,
    Published,
    Route,
    Topology,
    free_offsets,
)


def for_project(project: Project, services: Collection[str], now: Topology | None) -> Topology:
    """Ports and names for ``services`` and for the services that are released already.

    Docker fixes the ports and names of a container at its creation. So the first release of a service
    needs a new proxy container. A service that is not released keeps its ports for
    ``docker compose up``.
    """
    settings = project.settings.proxy.routing(project.certificates)
    topology = _without_what_moved(
        Topology(project.name, settings, now.routes if now else ()), project
    )
    inside = _inside(project.services.values())
    for service in project.services.values():
        known = topology.route(service.name)
        if service.name not in services and not (known and known.reachable):
            continue
        port_keys = [port.key for port in service.published]
        internal_ports = _internal_ports(service.name, topology, inside).give(port_keys)
        published = (
            Published(
                port.key,
                port.host_ip,
                port.host_port,
                internal_ports[port.key],
                service.speaks_tls(port),
            )
            for port in service.published
        )
        networks = (
            (project.network_name(key), (service.name, *aliases))
            for key, aliases in service.networks
            if not service.settings.is_worker
        )
        route = replace(
            known or Route(service.name),
            published=tuple(published),
            networks=tuple(networks),
            hosts=service.settings.hosts,
            paths=service.settings.paths,
        )
        topology = topology.with_route(_previewed(route, service.settings, topology, inside))
    return _unambiguous(topology)


def _without_what_moved(topology: Topology, project: Project) -> Topology:
    """Without the ports that a service no longer publishes: their next user gets another internal port."""
    for service in project.services.values():
        route = topology.route(service.name)
        if route:
            published_keys = {port.key for port in service.published}
            kept = tuple(port for port in route.published if port.key in published_keys)
            topology = topology.with_route(replace(route, published=kept))
    return topology


def opened(topology: Topology, project: Project) -> Topology:
    """Adds a way from each published port to the existing colours, without a new release."""
    for service in project.services.values():
        route = topology.route(service.name)
        if route is None:
            continue
        behind = {port.key: port.target for port in service.published}
        new = {
            port.internal_port: behind[port.key] for port in route.published if port.key in behind
        }
        targets = tuple(
            (
                colour,
                replace(
                    known, internal_ports=tuple(sorted((new | dict(known.internal_ports)).items()))
                ),
            )
            for colour, known in route.targets
        )
        topology = topology.with_route(replace(route, targets=targets))
    return topology


def reached(routes: Mapping[str, Colour | None], now: Topology | None) -> dict[str, Colour]:
    """The live colours that clients can reach."""
    reachable = {route.service for route in now.routes if route.reachable} if now else set()
    return {name: colour for name, colour in routes.items() if colour and name in reachable}


def with_release(topology: Topology, release: Release, colour: Colour) -> Topology:
    """Gives ``colour`` to this release. The other colour stays, or gets addresses as well."""
    route = topology.route(release.service) or _from_release(release, topology)
    for backend_colour in (colour, colour.other):
        known = route.target(backend_colour)
        if backend_colour is not colour and known is not None:
            continue
        target = _target(
            release,
            route,
            free_offsets(
                replicas(release),
                keep=known.address_offsets if known else (),
                taken=topology.address_offsets,
            ),
        )
        route = route.with_backend(backend_colour, target)
        topology = topology.with_route(route)
    return _unambiguous(topology)


def _unambiguous(topology: Topology) -> Topology:
    """Raises BluegreenError on a route conflict: with routes that an older compose file left."""
    for port_key, port_users in topology.port_users().items():
        for conflict in find_conflicts(port_users):
            names = " and ".join(user.service for user in port_users)
            raise BluegreenError(
                f"{names} are both behind port {host(port_key)[1]}: {conflict.problem}",
                hint=Hint(
                    f"{conflict.remedy}; ",
                    Action.DOWN,
                    " removes services that are no longer in the file",
                ),
            )
    return topology


def _target(release: Release, route: Route, colour_addresses: tuple[int, ...]) -> ColourBackend:
    settings: ServiceSettings = restored(release.settings)
    if settings.is_worker:
        return ColourBackend(colour_addresses, 0, (), NO_ROUTE)
    port = settings.port or 0
    service_model = release.model["services"][release.service]
    inside = {port: port} | {number: number for number in _exposed(service_model)}
    outside = _behind_published(release, route)
    internal_ports = inside | {target: target for target in outside.values()} | outside
    return ColourBackend(
        colour_addresses,
        port,
        tuple(sorted(internal_ports.items())),
        settings.mode,
        settings.health.check(),
    )


def _from_release(release: Release, topology: Topology) -> Route:
    """After ``down``: ports and names from the release itself."""
    if is_worker(release):
        return Route(release.service)
    model = release.model
    service_networks = model["services"][release.service].get("networks") or {"default": None}
    networks = (
        (model["networks"][key]["name"], (release.service, *((network or {}).get("aliases") or ())))
        for key, network in service_networks.items()
    )
    inside = {release.settings["port"], *published(release).values()}
    internal_ports = _internal_ports(release.service, topology, inside).give(published(release))
    settings = restored(release.settings)
    fronts = (
        Published(port_key, *host(port_key), internal_port, speaks_tls(settings, host(port_key)[1]))
        for port_key, internal_port in internal_ports.items()
    )
    route = Route(
        release.service,
        tuple(fronts),
        tuple(networks),
        hosts=settings.hosts,
        paths=settings.paths,
    )
    return _previewed(route, settings, topology, inside)


def _previewed(
    route: Route, settings: ServiceSettings, topology: Topology, inside: set[int]
) -> Route:
    """With the preview settings: key, allowed networks and port."""
    if settings.is_worker:
        return replace(route, preview=None)
    preview_settings, port = settings.preview, None
    if preview_settings.port is not None:
        port_key = f"{LOOPBACK}:{preview_settings.port}/tcp"
        internal_ports = _internal_ports(route.service, topology.with_route(route), inside).give(
            [port_key]
        )
        port = Published(port_key, *host(port_key), internal_ports[port_key])
    preview = Preview(preview_settings.key or "", preview_settings.only_from, port)
    return replace(route, preview=None if preview == Preview() else preview)


def _behind_published(release: Release, route: Route) -> dict[int, int]:
    """Each internal port with its container port. For a host port that the release does not publish,
    this is the ``port`` setting."""
    ports = published(release)
    otherwise = int(release.settings["port"])
    return {port.internal_port: ports.get(port.key, otherwise) for port in route.published}


def _exposed(service_model: dict[str, Any]) -> list[int]:
    return [int(str(port).partition("/")[0]) for port in service_model.get("expose") or ()]


def _internal_ports(service: str, topology: Topology, inside: set[int]) -> InternalPorts:
    """The service keeps its internal ports, and gets none that another service still uses.

    A host port that both services publish has one internal port.
    """
    current_route = topology.route(service)
    other_routes = [route for route in topology.routes if route.service != service]
    shared = (port for route in other_routes for port in route.published if port.host_port)
    taken = {
        port.key: port.internal_port
        for port in (*shared, *(current_route.ports if current_route else ()))
    }
    used = {internal_port for route in other_routes for internal_port in route.internal_ports}
    used |= {port.internal_port for route in other_routes for port in route.ports}
    return InternalPorts(taken, frozenset(inside | used))


def _inside(services: Iterable[ManagedService]) -> set[int]:
    return {port for service in services for port in service.container_ports}
