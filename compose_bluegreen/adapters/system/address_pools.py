"""Docker's ranges of addresses for networks, of which it has about thirty."""

from __future__ import annotations

_ALL_IN_USE = "non-overlapping IPv4 address pool"

MORE_RANGES = (
    "docker network prune removes unused networks; default-address-pools in /etc/docker/daemon.json"
    " gives Docker more and smaller ranges"
)


def are_in_use(message: str) -> bool:
    """Whether the engine's message says so."""
    return _ALL_IN_USE in message
