"""What PostgreSQL and the way to it say, in words for a person. Never a password."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from compose_bluegreen.domain.errors import HistoryUnusable

_Meaning = tuple[str, str]

_READY = "pg_isready{host}{port}"
_URL = "look at the user and the password in BLUEGREEN_DATABASE_URL"
_GRANT = "psql{host}{port} -c 'GRANT ALL ON DATABASE {database} TO {user}'"
_OTHER = "a database of its own: createdb{host}{port} bluegreen"
_WHO = "psql{host}{port} {database} -c 'SELECT pid, application_name, state FROM pg_stat_activity'"

_AWAY = ("can't be reached", _READY)

_BY_STATE: Mapping[str, _Meaning] = MappingProxyType(
    {
        "25006": (
            "can't be written: it is read-only, a standby perhaps",
            "name the server that writes",
        ),
        "42501": ("can't be used: no permission", _GRANT),
        "28P01": ("refuses the password", _URL),
        "28000": ("refuses this user", _URL),
        "3D000": ("isn't there", "createdb{host}{port} {database}"),
        "53100": ("can't be written: the server's disk is full", "make room on the server"),
        "53300": ("has too many connections", _WHO),
        "55P03": ("is locked by another program", _WHO),
        "57014": ("is locked by another program", _WHO),
    }
)
_BY_CLASS: Mapping[str, _Meaning] = MappingProxyType(
    {
        "08": _AWAY,
        "53": ("lacks memory or room on the server", "look at the server's log"),
        "57": _AWAY,
        "58": (
            "can't be read or written: the server's disk reports an error",
            "look at the server's log",
        ),
    }
)
_BY_WORDS: tuple[tuple[re.Pattern[str], str], ...] = (
    # Of a connection that never was, libpq passes on the words alone.
    (re.compile(r"password authentication failed|no password supplied"), "28P01"),
    (re.compile(r"role .* does not exist|pg_hba\.conf|authentication failed"), "28000"),
    (re.compile(r"database .* does not exist"), "3D000"),
    (re.compile(r"too many (clients|connections)|connection slots"), "53300"),
)


@contextmanager
def explained(url: URL) -> Iterator[None]:
    """Raises HistoryUnusable for what a person can cure; what is a bug of ours passes through."""
    try:
        yield
    except DBAPIError as error:
        meaning = _meaning(error)
        if meaning is None:
            raise
        # The driver's own words don't repeat the password; SQLAlchemy's hide what was written.
        detail = str(error.orig).strip()
        raise _unusable(url, *meaning, detail=detail) from error


def from_newer_version(url: URL, revision: str) -> HistoryUnusable:
    problem = f"was written by a newer version of compose-bluegreen (its schema is {revision})"
    return _unusable(url, problem, "upgrade: pip install --upgrade compose-bluegreen")


def of_another_program(url: URL) -> HistoryUnusable:
    return _unusable(url, "is the database of another program", _OTHER)


def damaged(url: URL) -> HistoryUnusable:
    return _unusable(url, "has rows that none of us wrote", _WHO)


def _meaning(error: DBAPIError) -> _Meaning | None:
    state = getattr(error.orig, "sqlstate", None)
    if state:
        return _BY_STATE.get(state) or _BY_CLASS.get(state[:2])
    if type(error.orig).__name__ != "OperationalError" and not error.connection_invalidated:
        return None
    message = str(error.orig)
    known = (_BY_STATE[state] for pattern, state in _BY_WORDS if pattern.search(message))
    return next(known, _AWAY)


def _unusable(url: URL, problem: str, cure: str, detail: str = "") -> HistoryUnusable:
    host = url.host or url.query.get("host")
    hint = cure.format(
        host=f" -h {host}" if host else "",
        port=f" -p {url.port}" if url.port else "",
        database=url.database or "",
        user=url.username or "",
    )
    return HistoryUnusable(f"the history {place(url)} {problem}", hint=hint, detail=detail)


def place(url: URL) -> str:
    """Which one it is, without any secret."""
    user = f"{url.username}@" if url.username else ""
    host = url.host or url.query.get("host") or ""
    port = f":{url.port}" if url.port else ""
    return f"postgresql://{user}{host}{port}/{url.database or ''}"
