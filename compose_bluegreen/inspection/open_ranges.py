"""Ranges of addresses in the settings that let more visitors in than they name.

Docker has no IPv6 in most networks. A visitor over IPv6 then reaches a published port through a
program of Docker on the host, and has the address of the network's gateway, which is private. On
rootless Docker and Docker Desktop, that is true for all visitors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_address, ip_network

from compose_bluegreen.domain.hints import Hint
from compose_bluegreen.domain.topology import Published, Topology
from compose_bluegreen.inspection.drift import Drift, DriftKind
from compose_bluegreen.ports.context import Context

_ALL_ADDRESSES = ("", "::", "[::]")
"""The host addresses of a port that visitors over IPv6 reach."""


def open_ranges(topology: Topology | None, ctx: Context) -> list[Drift]:
    """One for each range that contains a gateway, where visitors over IPv6 reach the port."""
    ranges = list(_ranges(topology)) if topology else []
    if not ranges:
        return []
    gateways = sorted(ctx.engine.gateways(ctx.proxy.networks()).items())
    return [
        _drift(key, service, port, held, f"{address}, the gateway of {network}")
        for key, service, port, networks in ranges
        for held in networks
        for network, address in gateways
        if ip_address(address) in ip_network(held)
    ]


def _ranges(topology: Topology) -> Iterator[tuple[str, str, Published, tuple[str, ...]]]:
    """The key of a setting, its service, a port that all visitors reach, and the ranges."""
    if trusted := topology.settings.trusted_proxies:
        for port in _open(topology.published)[:1]:
            yield "x-bluegreen.proxy.trusted_proxies", "", port, trusted
    for route in topology.routes:
        if route.preview and route.preview.key and route.preview.networks:
            key = f"services.{route.service}.x-bluegreen.preview.only_from"
            for port in _open(route.published)[:1]:
                yield key, route.service, port, route.preview.networks


def _open(ports: Iterable[Published]) -> list[Published]:
    return [port for port in ports if port.host_ip in _ALL_ADDRESSES]


def _drift(key: str, service: str, port: Published, held: str, gateway: str) -> Drift:
    number = port.host_port or "PORT"
    problem = (
        f"{key}: {held} contains {gateway}: all visitors of port {number} over IPv6 have that address"
        ", and on rootless Docker or Docker Desktop all visitors do"
    )
    remedy = Hint(
        f"publish the port as 0.0.0.0:{number}:… or 127.0.0.1:{number}:…, or name narrower ranges in {key}"
    )
    return Drift(DriftKind.OPEN_RANGE, problem, remedy, service)
