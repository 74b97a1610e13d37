"""The tables as they are now; ``migrations/`` leads every older file here.

Only types that every database has. What SQLite alone needs is in ``sqlite.py``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    text,
)
from sqlalchemy.types import TypeDecorator

from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.deployment import Kind
from compose_bluegreen.domain.states import Outcome, State

E = TypeVar("E", bound=StrEnum)


class Word(TypeDecorator[E]):
    """A word of an enum, as text."""

    impl = Text
    cache_ok = True

    def __init__(self, enum: type[E]) -> None:
        super().__init__()
        self.enum = enum

    def process_bind_param(self, value: E | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else self.enum(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> E | None:  # noqa: ARG002
        return None if value is None else self.enum(value)


class Said(TypeDecorator[str]):
    """What people and programs said. PostgreSQL has no room for the character NUL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else value.replace("\0", "\ufffd")


class UtcTime(TypeDecorator[datetime]):
    """An aware time. SQLite keeps it as text without an offset, in UTC, so that it sorts."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time in history must be aware")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def one_of(column: str, enum: type[StrEnum]) -> CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in enum)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

deployments = Table(
    "deployments",
    metadata,
    # Not visible outside this package: two files give the same deployment different ids.
    Column("id", Integer, primary_key=True),
    # The same deployment bears the same uid everywhere.
    Column("uid", Text, nullable=False, unique=True),
    Column("engine", Text, nullable=False),
    Column("project", Text, nullable=False),
    # Its public id, which every machine knows it by.
    Column("number", Integer, nullable=False),
    Column("kind", Word(Kind), nullable=False),
    Column("state", Word(State), nullable=False),
    Column("actor", Said, nullable=False),
    Column("message", Said, nullable=False),
    Column("git_revision", Text),
    Column("started_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime),
    Column("retired_at", UtcTime),
    Column("reason", Said, nullable=False),
    # Numbers too. No foreign keys: what they name may be older than what the engine keeps.
    Column("rollback_of", Integer),
    Column("restores", Integer),
    # The version of what is written here, and the version that the journal on the engine has.
    Column("revision", Text),
    Column("journalled", Text),
    one_of("kind", Kind),
    one_of("state", State),
    Index("uq_number_in_project", "engine", "project", "number", unique=True),
    Index("ix_deployments_of_project", "project", "number"),
    Index("ix_deployments_in_state", "engine", "project", "state"),
    sqlite_autoincrement=True,
)


def _of_deployment() -> Column[int]:
    return Column(
        "deployment_id", ForeignKey("deployments.id", ondelete="CASCADE"), primary_key=True
    )


deployment_services = Table(
    "deployment_services",
    metadata,
    _of_deployment(),
    Column("service", Text, primary_key=True),
    Column("number", Integer, nullable=False),
)

deployment_parts = Table(
    "deployment_parts",
    metadata,
    _of_deployment(),
    Column("service", Text, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("engine", Text, nullable=False),
    Column("project", Text, nullable=False),
    Column("colour", Word(Colour), nullable=False),
    Column("live", Boolean, nullable=False),
    Column("taken_back", Boolean, nullable=False),
    Column("image_reference", Text, nullable=False),
    Column("image_id", Text, nullable=False),
    Column("repo_digest", Text),
    Column("fingerprint", Text, nullable=False),
    Column("settings", JSON, nullable=False),
    # Last: it is long, and a list of deployments reads all of a row but this.
    Column("model", JSON, nullable=False),
    one_of("colour", Colour),
    Index("ix_parts_of_service", "engine", "project", "service", "deployment_id"),
)

Index(
    "uq_one_live_part_a_service",
    deployment_parts.c.engine,
    deployment_parts.c.project,
    deployment_parts.c.service,
    unique=True,
    # The migration says it to PostgreSQL too; here that word would load its dialect (50 ms).
    sqlite_where=text("live = 1"),
)

deployment_steps = Table(
    "deployment_steps",
    metadata,
    _of_deployment(),
    Column("number", Integer, primary_key=True),
    Column("key", Text),  # NULL where an older version wrote it after the migration
    Column("name", Text, nullable=False),
    Column("cause", Said, nullable=False),
    Column("outcome", Word(Outcome), nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime),
    Column("detail", Said, nullable=False),
    one_of("outcome", Outcome),
)
