"""Several services behind one published port: which requests are whose. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations, product

ANY = ""
"""Every host, and every path."""

_WILD = "*."


@dataclass(frozen=True, slots=True)
class RouteMatch:
    """A host (``*.`` before it: all below it) and a path with all below it; either may be ANY."""

    host: str = ANY
    path: str = ANY

    @property
    def rank(self) -> tuple[int, int, int]:
        """The more a claim says, the higher: of all that fit a request the highest is meant."""
        exact = 2 if self.host else 0
        return exact - self.host.startswith(_WILD), len(self.host), len(self.path)

    def __str__(self) -> str:
        return f"{self.host or 'any host'}{self.path}"


@dataclass(frozen=True, slots=True)
class PortUser:
    """A service that a published port leads to."""

    service: str
    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    tls: bool = False
    mode: str = "http"

    @property
    def claims(self) -> tuple[RouteMatch, ...]:
        prefixes = [ANY if path == "/" else path for path in self.paths]
        return tuple(RouteMatch(*one) for one in product(self.hosts or (ANY,), prefixes or (ANY,)))


@dataclass(frozen=True, slots=True)
class RouteConflict:
    """Why two services can't share a port: ``key`` is the setting of ``service`` that can cure it."""

    service: str
    key: str
    why: str
    cure: str


def find_conflicts(port_users: Iterable[PortUser]) -> Iterator[RouteConflict]:
    for one, other in combinations(port_users, 2):
        if found := _clash(one, other):
            yield found


def _clash(one: PortUser, other: PortUser) -> RouteConflict | None:
    both = f"{one.service} and {other.service} share"
    if "tcp" in (one.mode, other.mode):
        why = f"{both} a port, and with `mode: tcp` nothing says which of them is meant"
        return RouteConflict(other.service, "mode", why, "publish one of them on another port")
    if one.tls != other.tls:
        why = f"{both} a port, and only one of them speaks TLS there"
        return RouteConflict(other.service, "tls", why, "give both the same `tls:`")
    for mine, its in product(one.claims, other.claims):
        if _is_ambiguous(mine, its):
            key = "paths" if mine.host and mine.host == its.host else "hosts"
            return RouteConflict(
                other.service,
                key,
                f"{both} a port, and a request may be meant for either: {mine}; {its}",
                "let `hosts:` and `paths:` of one of them say more than the other's,"
                " or publish it on another port",
            )
    return None


def _is_ambiguous(one: RouteMatch, other: RouteMatch) -> bool:
    """Some requests fit both, and neither says more than the other in every respect."""
    hosts = _host_within(one.host, other.host), _host_within(other.host, one.host)
    paths = _path_within(one.path, other.path), _path_within(other.path, one.path)
    if not (any(hosts) and any(paths)):
        return False
    says_more = hosts[0] and paths[0]
    says_less = hosts[1] and paths[1]
    return says_more == says_less


def _host_within(one: str, other: str) -> bool:
    below = other.startswith(_WILD) and one.endswith(other.removeprefix("*"))
    return other in (ANY, one) or below


def _path_within(one: str, other: str) -> bool:
    return other in (ANY, one) or one.startswith(f"{other}/")
