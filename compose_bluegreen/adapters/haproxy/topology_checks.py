"""What the texts of ``topology.json`` may be. The file is on the proxy's volume, so what becomes a word of
HAProxy's configuration is checked again where it is read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from compose_bluegreen.adapters.haproxy.topology_document import (
        ProjectDocument,
        PublishedDocument,
        RouteDocument,
    )

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_PATH = re.compile(r"/[A-Za-z0-9._~/%?=&:@,+-]*")
_STATUS = re.compile(r"[0-9,-]+")
_MODES = ("http", "tcp", "none")
_PORTS = range(65536)
_SNIPPETS = ("global", "defaults", "frontend")


def check(topology: ProjectDocument, project: str) -> None:
    """Raises ValueError for what no version of this program wrote."""
    settings = topology.settings
    _assure(topology.project == project, "project")
    _assure({name for name, _ in settings.snippets} <= {*_SNIPPETS}, "snippets")
    _assure(settings.monitor in _PORTS, "monitor")
    for network in (*settings.trusted_proxies, *settings.monitor_from):
        ip_network(network)
    for text in (settings.image or "", settings.certificates):
        _assure(_is_one_word(text), text)
    for route in topology.routes:
        _route(route)


def _route(route: RouteDocument) -> None:
    _assure(_NAME.fullmatch(route.service) is not None, "service")
    for text in (*route.hosts, *route.paths, *_names(route)):
        _assure(_is_one_word(text), text)
    for port in route.published:
        _port(port)
    for _, target in route.targets:
        _assure(target.mode in _MODES, "mode")
        _assure(target.check.path is None or bool(_PATH.fullmatch(target.check.path)), "path")
        _assure(_STATUS.fullmatch(target.check.status) is not None, "status")
        numbers = (
            target.port,
            *target.slots,
            *(number for door in target.doors for number in door),
        )
        _assure(all(number in _PORTS for number in numbers), "port")
    if route.preview:
        for network in route.preview.networks:
            ip_network(network)
        if route.preview.port:
            _port(route.preview.port)


def _names(route: RouteDocument) -> Iterator[str]:
    for network, aliases in route.networks:
        yield network
        yield from aliases


def _port(port: PublishedDocument) -> None:
    _assure(port.door in _PORTS, "door")
    for text in (port.where, port.host_ip, port.host_port):
        _assure(_is_one_word(text), text)


def _is_one_word(text: str) -> bool:
    return text.isprintable() and not any(letter.isspace() for letter in text)


def _assure(fine: bool, what: str) -> None:
    if not fine:
        raise ValueError(what)
