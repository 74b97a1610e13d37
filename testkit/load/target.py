"""Where the load goes: this machine or a private address of it, nowhere else."""

import socket
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

_ALLOWED = [
    ip_network(network)
    for network in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
    )
]


class NotAllowedError(ValueError):
    """The target is not a machine of ours."""


@dataclass(frozen=True, slots=True)
class Target:
    family: socket.AddressFamily
    address: tuple[str, int]  # resolved once, so that it stays what was checked
    host: str  # as the Host header says it

    @classmethod
    def at(cls, url: str) -> "Target":
        """Raises NotAllowedError for anything but http to a loopback or private address."""
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname or parts.path not in {"", "/"}:
            raise NotAllowedError(f"{url}: http://ADDRESS:PORT is wanted, with no path")
        try:
            found = socket.getaddrinfo(parts.hostname, parts.port or 80, type=socket.SOCK_STREAM)
        except OSError as error:
            raise NotAllowedError(f"{url}: {parts.hostname} has no address ({error})") from error
        places = [(family, str(at[0]), int(at[1])) for family, _, _, _, at in found]
        for _, address, _ in places:
            if not any(ip_address(address) in network for network in _ALLOWED):
                raise NotAllowedError(f"{url}: {address} is neither loopback nor private")
        family, address, port = min(places, key=lambda place: place[0] != socket.AF_INET)
        return cls(family, (address, port), parts.netloc)
