"""A history in a SQLite file, and what its tests record in it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine

from compose_bluegreen.adapters.history import Scope, SqlHistory
from compose_bluegreen.adapters.history.sqlite import SqliteStore
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.deployment import DeployedService, Kind, NewDeployment
from compose_bluegreen.domain.release import Image, Release
from compose_bluegreen.domain.states import State

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SCOPE = Scope("ENGINE", "shop")
DRAFT = NewDeployment("ENGINE", "shop", Kind.UP, ("web",), "ada@laptop", NOON)
PART = DeployedService(
    Release("web", Image("web", "sha256:1"), {"name": "shop"}, {}, "f"), Colour.BLUE
)


@contextmanager
def by_hand(file: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(file, isolation_level=None, timeout=0)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        yield connection


def engine_of(history: SqlHistory) -> Engine:
    assert isinstance(history.store, SqliteStore)
    return history.store._engine


def released(history: SqlHistory, image: str = "sha256:1") -> int:
    deployment = history.begin(DRAFT)
    release = replace(PART.release, image=Image("web", image))
    history.parts(deployment, [replace(PART, release=release)])
    for state in (State.STARTING, State.SWITCHING, State.LIVE):
        history.to(deployment, state, NOON)
    return deployment
