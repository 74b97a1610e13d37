"""Topologies for HAProxy's configuration, and a way to read the result."""

from __future__ import annotations

import re
from ipaddress import IPv4Network
from itertools import takewhile

from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.topology import (
    ColourBackend,
    ProxySettings,
    Published,
    Route,
    Topology,
)

NETWORK = IPv4Network("10.9.0.0/24")
DOORS = ((8080, 8080), (10001, 8080))


def a_route(
    service: str = "web", mode: str = "http", *, slot: int = 16, internal_port: int = 10001
) -> Route:
    internal_ports = ((8080, 8080), (internal_port, 8080))
    targets = [
        (colour, ColourBackend((slot + number,), 8080, internal_ports, mode))
        for number, colour in enumerate(Colour)
    ]
    where = f":{internal_port - 2001}/tcp"
    return Route(
        service,
        published=(Published(where, "", str(internal_port - 2001), internal_port),),
        networks=(("shop_default", (service, f"{service}-alias")),),
        targets=tuple(targets),
    )


def shop(*routes: Route, **settings: object) -> Topology:
    proxy = ProxySettings(**settings)  # type: ignore[arg-type]
    return Topology("shop", proxy, routes or (a_route(),))


def section(text: str, title: str) -> list[str]:
    """The lines of one section, without comments."""
    lines = iter(text.splitlines())
    assert title in lines, f"no section {title} in:\n{text}"
    inside = takewhile(lambda line: not re.match(r"[a-z]", line), lines)
    return [line.strip() for line in inside if line.strip() and not line.strip().startswith("#")]
