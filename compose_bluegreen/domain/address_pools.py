"""Docker's ranges of addresses for networks, of which it has about thirty."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, ip_network
from itertools import chain

_ALL_IN_USE = "non-overlapping IPv4 address pool"

MORE_RANGES = (
    "docker network prune removes unused networks; default-address-pools in /etc/docker/daemon.json"
    " gives Docker more and smaller ranges"
)


def are_in_use(message: str) -> bool:
    """Whether the engine's message says so."""
    return _ALL_IN_USE in message


DEFAULT = (
    *((f"172.{number}.0.0/16", 16) for number in range(17, 32)),
    ("192.168.0.0/16", 20),
)
"""Where ``daemon.json`` names none: the base of each pool, and the size of its networks."""


def left(pools: Iterable[tuple[str, int]], taken: Iterable[str]) -> int:
    """How many networks still fit into the pools beside those of the engine. Docker leaves out
    ranges to which the machine has a route as well, so it may be fewer."""
    used = [network for each in taken if isinstance(network := ip_network(each), IPv4Network)]
    candidates = chain.from_iterable(
        network.subnets(new_prefix=max(size, network.prefixlen))
        for base, size in pools
        if isinstance(network := ip_network(base, strict=False), IPv4Network)
    )
    return sum(not any(one.overlaps(each) for each in used) for one in candidates)
