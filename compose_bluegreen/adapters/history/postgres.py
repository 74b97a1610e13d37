"""The history on a PostgreSQL server: whatever that alone needs, and nothing about deployments."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import URL, Connection, Engine, create_engine, text

from compose_bluegreen.adapters.history import postgres_errors as failures
from compose_bluegreen.adapters.history.schema import OURS, Foreign, Newer, Schema, version_of
from compose_bluegreen.adapters.history.tables import metadata
from compose_bluegreen.domain.errors import HistoryUnusable

_ONE_AT_A_TIME = 0x626C7565677265  # "bluegre"
_CONNECT_SECONDS = 10
_SILENCE_MS = 20_000
"""How long a server may not even acknowledge what it is sent."""


class PostgresStore:
    """One writer at a time, as with a file: an advisory lock that ends with the transaction, or
    with the connection. ``patience`` is how long a writer waits for another."""

    def __init__(self, url: URL, patience: timedelta, ours: Schema = OURS) -> None:
        self._url = url
        self._ours = ours
        self._patience_ms = int(patience.total_seconds() * 1000) or 1
        self._engine_made: Engine | None = None
        self._fit_to_read = self._fit_to_write = False

    def close(self) -> None:
        if self._engine_made:
            self._engine_made.dispose()

    def damaged(self) -> HistoryUnusable:
        return failures.damaged(self._url)

    @contextmanager
    def reading(self) -> Iterator[Connection | None]:
        with failures.explained(self._url):
            view = self._engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
            if not self._readable(view):
                yield None
                return
            with view.connect() as connection:
                yield connection

    @contextmanager
    def writing(self, *, lasting: bool = True) -> Iterator[Connection]:
        with failures.explained(self._url):
            self._prepare()
            with self._alone() as connection:
                if not lasting:
                    connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
                yield connection

    @contextmanager
    def as_it_is(self) -> Iterator[Connection]:
        with failures.explained(self._url), self._alone() as connection:
            yield connection

    def check_writable(self) -> None:
        """Checks that writing is permitted, that no other writer blocks it, and that the server is no standby."""
        with self.writing() as connection:
            for table in metadata.sorted_tables:
                connection.exec_driver_sql(
                    f"INSERT INTO {table.name} SELECT * FROM {table.name} WHERE false"  # noqa: S608
                )
                connection.exec_driver_sql(f"DELETE FROM {table.name} WHERE false")  # noqa: S608

    @property
    def _engine(self) -> Engine:
        if self._engine_made is None:
            self._engine_made = _engine_on(self._url)
        return self._engine_made

    @contextmanager
    def _alone(self) -> Iterator[Connection]:
        with self._engine.begin() as connection:
            wait = text("SELECT set_config('lock_timeout', :wait, true)")
            connection.execute(wait, {"wait": f"{self._patience_ms}ms"})
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_AT_A_TIME})
            yield connection

    def _readable(self, view: Engine) -> bool:
        if not self._fit_to_read:
            with view.connect() as connection:
                revision = self._revision(connection)
            if revision is None:
                return False
            if revision != self._ours.head:
                self._prepare()
            self._fit_to_read = True
        return True

    def _prepare(self) -> None:
        if self._fit_to_write:
            return
        with self._engine.connect() as connection:
            revision = self._revision(connection)
        if revision != self._ours.head:
            with self._alone() as connection:
                # Another machine may have done it while this one waited.
                if self._revision(connection) != self._ours.head:
                    self._ours.upgrade(connection)
        self._fit_to_read = self._fit_to_write = True

    def _revision(self, connection: Connection) -> str | None:
        try:
            return version_of(connection, self._ours)
        except Foreign:
            raise failures.of_another_program(self._url) from None
        except Newer as newer:
            raise failures.from_newer_version(self._url, newer.revision) from None


def _engine_on(url: URL) -> Engine:
    try:
        return create_engine(
            url,
            connect_args={
                "connect_timeout": _CONNECT_SECONDS,
                "tcp_user_timeout": _SILENCE_MS,
                "application_name": "compose-bluegreen",
            },
            # A server may restart between two steps of a deployment.
            pool_pre_ping=True,
            # Models hold passwords; without this they would be in every error's text.
            hide_parameters=True,
        )
    except ImportError as error:
        raise HistoryUnusable(
            "a history on PostgreSQL needs the driver psycopg, which isn't installed",
            hint="pip install 'compose-bluegreen[postgresql]'",
        ) from error
