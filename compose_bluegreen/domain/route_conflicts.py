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
    for user, other_user in combinations(port_users, 2):
        if conflict := _conflict(user, other_user):
            yield conflict


def _conflict(user: PortUser, other_user: PortUser) -> RouteConflict | None:
    pair = f"{user.service} and {other_user.service} share"
    if "tcp" in (user.mode, other_user.mode):
        problem = f"{pair} a port, and with `mode: tcp` the proxy can't tell their requests apart"
        return RouteConflict(
            other_user.service, "mode", problem, "publish one of them on another port"
        )
    if user.tls != other_user.tls:
        problem = f"{pair} a port, and only one of them uses TLS on it"
        return RouteConflict(other_user.service, "tls", problem, "give both the same `tls:`")
    for first, second in product(user.matches, other_user.matches):
        if _is_ambiguous(first, second):
            key = "paths" if first.host and first.host == second.host else "hosts"
            return RouteConflict(
                other_user.service,
                key,
                f"{pair} a port, and some requests match both of them: {first}; {second}",
                "make `hosts:` and `paths:` of one of them more specific than those of the other,"
                " or publish it on another port",
            )
    return None


def _is_ambiguous(match: RouteMatch, other_match: RouteMatch) -> bool:
    """Whether some requests match both, and neither is more specific in both host and path."""
    hosts = _host_within(match.host, other_match.host), _host_within(other_match.host, match.host)
    paths = _path_within(match.path, other_match.path), _path_within(other_match.path, match.path)
    if not (any(hosts) and any(paths)):
        return False
    more_specific = hosts[0] and paths[0]
    less_specific = hosts[1] and paths[1]
    return more_specific == less_specific


def _host_within(inner: str, outer: str) -> bool:
    below = outer.startswith(_WILD) and inner.endswith(outer.removeprefix("*"))
    return outer in (ANY, inner) or below


def _path_within(inner: str, outer: str) -> bool:
    return outer in (ANY, inner) or inner.startswith(f"{outer}/")
