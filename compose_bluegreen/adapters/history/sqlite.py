"""The history in a SQLite file: whatever SQLite alone needs, and nothing about deployments."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection

from compose_bluegreen.adapters.history import sqlite_errors
from compose_bluegreen.adapters.history.schema import OURS, Foreign, Newer, Schema, version_of
from compose_bluegreen.domain.errors import HistoryUnusable

_WRITES, _LASTS = "bluegreen_writes", "bluegreen_lasts"
_ROOM = 256 * 1024
"""Bytes that a deployment may need at most: its models, its steps, their last log lines."""


_RIVALS = 20
"""How many others may open a new file in the same instant."""


class SqliteStore:
    """A file that is made, checked and migrated when it is first needed.

    ``patience`` is how long a writer waits for another writer; readers never wait.
    Raises HistoryUnusable.
    """

    def __init__(self, file: Path, patience: timedelta, ours: Schema = OURS) -> None:
        self.file = file
        self._ours = ours
        self._engine = _engine_on(file, patience)
        self._writer = self._engine.execution_options(**{_WRITES: True})
        self._fit_to_read = self._fit_to_write = False

    def close(self) -> None:
        self._engine.dispose()

    def damaged(self) -> HistoryUnusable:
        return sqlite_errors.damaged(self.file)

    @contextmanager
    def reading(self) -> Iterator[Connection | None]:
        """One unchanging view of the file; None where nothing was ever recorded."""
        with sqlite_errors.explained(self.file):
            if not self._readable():
                yield None
                return
            with self._engine.connect() as connection:
                yield connection

    @contextmanager
    def writing(self, *, lasting: bool = True) -> Iterator[Connection]:
        """A transaction that holds the write lock from its beginning."""
        with sqlite_errors.explained(self.file):
            self._prepare()
            with self._writer.execution_options(**{_LASTS: lasting}).begin() as connection:
                yield connection

    @contextmanager
    def as_it_is(self) -> Iterator[Connection]:
        """A transaction that may change the tables of a file of any version.

        Foreign keys are only checked at its end: Alembic changes a table by copying and dropping
        it, and that would take along every row that points to it.
        """
        with sqlite_errors.explained(self.file):
            _make(self.file)
            _use_wal(self._engine)
            with self._writer.connect() as connection:
                # A connection of its own, closed afterwards: the setting must not reach any other use.
                connection.detach()
                _by_hand(connection, "PRAGMA foreign_keys = OFF")
                with connection.begin():
                    yield connection
                    if connection.exec_driver_sql("PRAGMA foreign_key_check").first():
                        raise sqlite_errors.damaged(self.file)

    def check_writable(self) -> None:
        """Checks permission, other writers and free space with a write that is rolled back."""
        with sqlite_errors.explained(self.file):
            self._prepare()
            with self._writer.connect() as connection:
                connection.detach()
                # With almost no cache the pages go to the disk now, for there will be no commit.
                _by_hand(connection, "PRAGMA cache_size = 4")
                connection.exec_driver_sql("CREATE TABLE room (content BLOB)")
                connection.exec_driver_sql("INSERT INTO room VALUES (zeroblob(?))", (_ROOM,))
                connection.rollback()

    def _readable(self) -> bool:
        if self._fit_to_read:
            return True
        _refuse_planted(self.file)
        if not self.file.exists():
            return False
        revision = self._stored_revision()
        if revision is None:
            return False
        if revision != self._ours.head:
            self._prepare()
        self._fit_to_read = True
        return True

    def _prepare(self) -> None:
        if self._fit_to_write:
            return
        _refuse_planted(self.file)
        # Looked at first: what is not ours is refused as it is.
        revision = self._stored_revision() if self.file.exists() else None
        _make(self.file)
        _use_wal(self._engine)
        if revision != self._ours.head:
            with self.as_it_is() as connection:
                # Another process may have done it while this one waited for the lock.
                if self._revision(connection) != self._ours.head:
                    self._ours.upgrade(connection)
        self._fit_to_read = self._fit_to_write = True

    def _stored_revision(self) -> str | None:
        with self._engine.connect() as connection:
            return self._revision(connection)

    def _revision(self, connection: Connection) -> str | None:
        try:
            return version_of(connection, self._ours)
        except Foreign:
            raise sqlite_errors.of_another_program(self.file) from None
        except Newer as newer:
            raise sqlite_errors.from_newer_version(self.file, newer.revision) from None


def _engine_on(file: Path, patience: timedelta) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(file)),
        connect_args={"timeout": patience.total_seconds()},
        # Models hold passwords; without this they would be in every error's text.
        hide_parameters=True,
    )
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    return engine


def _on_connect(connection: DBAPIConnection, _: object) -> None:
    # Otherwise Python begins transactions by its own rules, and BEGIN IMMEDIATE fails.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON").close()


def _on_begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    writes, lasts = options.get(_WRITES, False), options.get(_LASTS, True)
    if writes:
        # What isn't to last is synced along with the next that is.
        _by_hand(connection, f"PRAGMA synchronous = {'FULL' if lasts else 'NORMAL'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _by_hand(connection: Connection, pragma: str) -> None:
    """Past SQLAlchemy, which would begin a transaction first; within one some have no effect."""
    driver: Any = connection.connection.dbapi_connection
    driver.execute(pragma).close()


def _use_wal(engine: Engine) -> None:
    """With a write-ahead log readers don't wait for a writer. Kept in the file once set."""
    with closing(engine.raw_connection()) as connection, closing(connection.cursor()) as cursor:
        for _ in range(_RIVALS):
            try:
                cursor.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    raise
                # Others open the same new file. The pragma doesn't wait for them, but this does.
                cursor.execute("BEGIN EXCLUSIVE")
                cursor.execute("ROLLBACK")
            else:
                return
        cursor.execute("PRAGMA journal_mode = WAL")


def _refuse_planted(file: Path) -> None:
    """In a folder where all users can write, another user may have put a file or a link there, to read
    the history or to have a file of ours overwritten. Raises HistoryUnusable."""
    try:
        owner, folder = file.lstat().st_uid, file.parent.stat()
    except FileNotFoundError:
        return
    if folder.st_mode & stat.S_IWOTH and owner not in (os.geteuid(), 0):
        raise HistoryUnusable(
            f"the history {file} belongs to another user, in a folder where all users can write",
            hint="choose a file in a folder of yours with --database",
        )


def _make(file: Path) -> None:
    """An empty file, or the one there is, closed to others: it holds resolved environments.

    SQLite gives its log and its shared memory the same mode.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Only ever a new file: to close one that SQLite has open would drop SQLite's locks on it.
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    for path in (file, Path(f"{file}-wal"), Path(f"{file}-shm")):
        with suppress(FileNotFoundError, PermissionError):
            mode = stat.S_IMODE(path.stat().st_mode)
            if mode & stat.S_IRWXO:
                path.chmod(mode & ~stat.S_IRWXO)
