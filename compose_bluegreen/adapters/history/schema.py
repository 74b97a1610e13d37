"""Which version the tables have, and how they get to ours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from sqlalchemy import Column, Connection, MetaData, Table, Text, inspect, select

import compose_bluegreen

VERSION_TABLE = "bluegreen_version"
"""Alembic's own, under a name that no other program's migrations use."""

_version = Table(VERSION_TABLE, MetaData(), Column("version_num", Text))


def stored_revision(connection: Connection) -> str | None:
    """None where no history was ever written."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.scalar(select(_version.c.version_num))


def version_of(connection: Connection, ours: Schema) -> str | None:
    """Raises Foreign or Newer."""
    revision = stored_revision(connection)
    if revision is None and has_tables(connection):
        raise Foreign
    if revision is not None and revision not in ours.revisions:
        raise Newer(revision)
    return revision


class Foreign(Exception):
    """The tables are another program's."""


class Newer(Exception):
    """A later version of ours made the tables."""

    def __init__(self, revision: str) -> None:
        super().__init__(revision)
        self.revision = revision


def has_tables(connection: Connection) -> bool:
    return bool(inspect(connection).get_table_names())


_one_upgrade = Lock()
"""Alembic keeps the migration that runs in a global variable: one at a time in a process."""


@dataclass(frozen=True, slots=True)
class Schema:
    """``revisions`` are all that ``folder`` holds, oldest first.

    Named here so that no command imports Alembic (0.3 s) only to learn that nothing is to be done.
    """

    revisions: tuple[str, ...]
    folder: Path

    @property
    def head(self) -> str:
        return self.revisions[-1]

    def upgrade(self, connection: Connection) -> None:
        """Upgrades to the head, within the transaction that ``connection`` is in."""
        from alembic import command  # noqa: PLC0415 - slow, and needed once a version
        from alembic.config import Config  # noqa: PLC0415

        config = Config()
        # Config interpolates: a "%" in the path would be read as the start of a name.
        config.set_main_option("script_location", str(self.folder).replace("%", "%%"))
        config.attributes["connection"] = connection
        with _one_upgrade:
            command.upgrade(config, self.head)


def _migrations() -> Path:
    """Beside the package in a wheel, one up in a checkout."""
    package = Path(compose_bluegreen.__file__).parent
    shipped = package / "migrations"
    return shipped if shipped.is_dir() else package.parent / "migrations"


OURS = Schema(revisions=("0001", "0002", "0003", "0004"), folder=_migrations())
