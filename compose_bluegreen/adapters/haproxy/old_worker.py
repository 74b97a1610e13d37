"""What the present worker has to know before a reload makes it an old one. Pure.

An old worker answers each idle connection once more, but HAProxy neither checks its servers any
longer nor takes new addresses for them. So it gets, while it is still the current worker, the
addresses that the next release of each idle colour will have, as healthy: it is routed there only
once the current worker has found that colour healthy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network

from compose_bluegreen.adapters.haproxy.config import backend, replica_address, server
from compose_bluegreen.domain.topology import NO_ROUTE, ColourBackend, Topology, TrafficSplit


@dataclass(frozen=True, slots=True)
class IdleServer:
    """``name`` is ``backend/server``; ``is_checked`` unless it has the state of another server."""

    name: str
    address: str
    port: int
    is_checked: bool

    @property
    def preparation(self) -> Iterator[str]:
        yield f"set server {self.name} addr {self.address} port {self.port}"
        if self.is_checked:
            # HAProxy takes a state only for a server whose checks are on, and the next check would
            # find no container yet.
            yield f"enable health {self.name}"
            yield f"set server {self.name} health up"
            yield f"disable health {self.name}"

    @property
    def reversal(self) -> Iterator[str]:
        """Where the worker stays the current one: its checks find the state again."""
        if self.is_checked:
            yield f"enable health {self.name}"


def idle_servers(
    before: Topology,
    desired: Topology,
    splits: Mapping[str, TrafficSplit],
    network: IPv4Network,
) -> list[IdleServer]:
    """The servers that the worker has for colours without traffic, as ``desired`` will use them."""
    return [
        idle
        for route in before.routes
        for colour, target in route.targets
        if target.mode != NO_ROUTE
        and not splits.get(route.service, TrafficSplit(None)).uses(colour)
        and (next_route := desired.route(route.service))
        and (next_target := next_route.target(colour))
        for port in target.ports
        for idle in _servers(
            backend(route.service, colour, port), port, target, next_target, network
        )
    ]


def _servers(
    name: str, port: int, target: ColourBackend, desired: ColourBackend, network: IPv4Network
) -> Iterable[IdleServer]:
    behind = [desired.behind(internal) for internal, own in target.internal_ports if own == port]
    next_port = next((number for number in behind if number is not None), port)
    both = zip(target.address_offsets, desired.address_offsets, strict=False)
    for number, (_, offset) in enumerate(both, start=1):
        address = replica_address(network, offset)
        yield IdleServer(f"{name}/{server(number)}", address, next_port, port == target.port)
