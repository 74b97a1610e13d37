"""Conflicts between services that share a published port."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations, product

ANY = ""
"""Matches every host or every path."""

_WILD = "*."


@dataclass(frozen=True, slots=True)
class RouteMatch:
    """A host (``*.`` in front means its subdomains) and a path prefix; either can be ANY."""

    host: str = ANY
    path: str = ANY

    @property
    def rank(self) -> tuple[int, int, int]:
        """The more specific the match, the higher. A request goes to the highest that matches it."""
        exact = 2 if self.host else 0
        return exact - self.host.startswith(_WILD), len(self.host), len(self.path)

    def __str__(self) -> str:
        return f"{self.host or 'any host'}{self.path}"


@dataclass(frozen=True, slots=True)
class PortUser:
    """A service behind a published port."""

    service: str
    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    tls: bool = False
    mode: str = "http"

    @property
    def matches(self) -> tuple[RouteMatch, ...]:
        prefixes = [ANY if path == "/" else path for path in self.paths]
        return tuple(
            RouteMatch(*pair) for pair in product(self.hosts or (ANY,), prefixes or (ANY,))
        )


@dataclass(frozen=True, slots=True)
class RouteConflict:
    """Why two services can't share a port. A change of the setting ``key`` of ``service`` solves it."""

    service: str
    key: str
    problem: str
    remedy: str


def find_conflicts(port_users: Iterable[PortUser]) -> Iterator[RouteConflict]:
    for one, other in combinations(port_users, 2):
        if conflict := _conflict(one, other):
            yield conflict


def _conflict(one: PortUser, other: PortUser) -> RouteConflict | None:
    both = f"{one.service} and {other.service} share"
    if "tcp" in (one.mode, other.mode):
        problem = f"{both} a port, and with `mode: tcp` the proxy can't tell their requests apart"
        return RouteConflict(other.service, "mode", problem, "publish one of them on another port")
    if one.tls != other.tls:
        problem = f"{both} a port, and only one of them uses TLS on it"
        return RouteConflict(other.service, "tls", problem, "give both the same `tls:`")
    for first, second in product(one.matches, other.matches):
        if _is_ambiguous(first, second):
            key = "paths" if first.host and first.host == second.host else "hosts"
            return RouteConflict(
                other.service,
                key,
                f"{both} a port, and some requests match both of them: {first}; {second}",
                "make `hosts:` and `paths:` of one of them more specific than those of the other,"
                " or publish it on another port",
            )
    return None


def _is_ambiguous(one: RouteMatch, other: RouteMatch) -> bool:
    """Whether some requests match both, and neither is more specific in both host and path."""
    hosts = _host_within(one.host, other.host), _host_within(other.host, one.host)
    paths = _path_within(one.path, other.path), _path_within(other.path, one.path)
    if not (any(hosts) and any(paths)):
        return False
    more_specific = hosts[0] and paths[0]
    less_specific = hosts[1] and paths[1]
    return more_specific == less_specific


def _host_within(one: str, other: str) -> bool:
    below = other.startswith(_WILD) and one.endswith(other.removeprefix("*"))
    return other in (ANY, one) or below


def _path_within(one: str, other: str) -> bool:
    return other in (ANY, one) or one.startswith(f"{other}/")
