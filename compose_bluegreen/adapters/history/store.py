"""Where rows are kept: a file, or a server that many share."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from sqlalchemy import URL, Connection

from compose_bluegreen.adapters.history.sqlite import SqliteStore
from compose_bluegreen.domain.errors import HistoryUnusable


class Store(Protocol):
    """Made, checked and migrated when it is first needed. Raises HistoryUnusable."""

    def close(self) -> None: ...

    def reading(self) -> AbstractContextManager[Connection | None]:
        """One unchanging view; None where nothing was ever recorded."""

    def writing(self, *, lasting: bool = True) -> AbstractContextManager[Connection]:
        """A transaction; there is one at a time. If not ``lasting`` it doesn't wait for the disk:
        when the machine loses its power, and only then, it may never have been."""

    def as_it_is(self) -> AbstractContextManager[Connection]:
        """A transaction that may change the tables of any version."""

    def check_writable(self) -> None: ...

    def damaged(self) -> HistoryUnusable:
        """For something in it that none of us wrote."""


def store_at(url: URL, patience: timedelta) -> Store:
    """``patience`` is how long a change waits for another program's."""
    if url.get_backend_name() == "postgresql":
        from compose_bluegreen.adapters.history.postgres import PostgresStore  # noqa: PLC0415

        return PostgresStore(url, patience)
    if not url.database:
        raise ValueError("a history needs a file")
    return SqliteStore(Path(url.database).absolute(), patience)
