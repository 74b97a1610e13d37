"""Where the history is: the flag, else the environment, else the user's state folder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from compose_bluegreen.adapters.history.scope import Scope
from compose_bluegreen.adapters.history.sql import SqlHistory
from compose_bluegreen.domain.errors import UsageError
from compose_bluegreen.runtime.state_folder import state_folder

VARIABLE = "BLUEGREEN_DATABASE_URL"

_URL_WITHOUT_SLASHES = re.compile(
    r"(sqlite|postgres|mysql|mariadb|oracle|mssql)[a-z0-9+]*:", re.IGNORECASE
)
"""Not a path: as one, its password would become the name of a file."""

_ALLOWED = "give a path, sqlite:////the/absolute/path.db or postgresql+psycopg://user@host/database"


def open_history(database: str | None, environ: Mapping[str, str], scope: Scope) -> SqlHistory:
    """The history at ``database`` (a path or a URL), or where ``environ`` says. Touches nothing.

    Raises UsageError, which never repeats the value: a URL may hold a password.
    """
    return SqlHistory(database_url(database, environ), scope)


def database_url(database: str | None, environ: Mapping[str, str]) -> URL:
    for value, source in ((database, "--database"), (environ.get(VARIABLE), VARIABLE)):
        if value:
            return _url(value, source)
    return sqlite_url(default_file(environ))


def default_file(environ: Mapping[str, str]) -> Path:
    return state_folder(environ) / "history.db"


def sqlite_url(path: Path) -> URL:
    return URL.create("sqlite", database=str(path.absolute()))


def _url(value: str, source: str) -> URL:
    _refuse_mistyped(value, source)
    if "://" not in value:
        return sqlite_url(Path(value).expanduser())
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        # "from None": their message repeats the URL, password and all.
        raise UsageError(f"{source} is not a database URL", hint=_ALLOWED) from None
    if url.drivername in {"postgresql", "postgresql+psycopg"}:
        if not url.database:
            raise UsageError(f"{source} names no database", hint=_ALLOWED)
        return url.set(drivername="postgresql+psycopg")
    if url.drivername not in {"sqlite", "sqlite+pysqlite"}:
        raise UsageError(f"{source}: {url.drivername} is not supported", hint=_ALLOWED)
    if not url.database or url.database == ":memory:" or url.host or url.query:
        raise UsageError(f"{source} names no file", hint=_ALLOWED)
    return sqlite_url(Path(url.database))


def _refuse_mistyped(value: str, source: str) -> None:
    """What would be taken for another value, and would show a part of its password."""
    if _URL_WITHOUT_SLASHES.match(value) and "://" not in value:
        raise UsageError(f"{source} is not a database URL: it has no ://", hint=_ALLOWED)
    if value.partition("://")[2].partition("/")[0].count("@") > 1:
        raise UsageError(
            f"{source} has an @ in its user or password", hint="write it as %40, as URLs need it"
        )
