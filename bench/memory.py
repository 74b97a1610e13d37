"""History with few deployments and with many."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from bench.comparison import Comparison
from bench.figures import Beside, Goal, Measure, Row, Sample, Unit
from bench.machine import Machine

_FEW, _MANY = 10, 10_000
_TIMES = 3


def measure(stage: Comparison, machine: Machine, runs: int) -> list[Row]:
    """Takes the stage's own history, with real models and steps, as the pattern for more."""
    stage.release("0")
    files = {size: grown(stage, size) for size in (_FEW, _MANY)}
    rows = []
    for name, flags in (("history -p", ("-p", stage.project)), ("history", ())):
        found: dict[int, list[float]] = {size: [] for size in files}
        for run in range(runs * _TIMES):
            if run % _TIMES == 0:
                machine.until_quiet()
            for size, file in files.items():
                command = stage.bluegreen(*flags, "--database", str(file), "history")
                command.end()
                found[size].append(command.seconds)
        few, many = (Sample.of(found[size], Unit.SECONDS) for size in files)
        what = f"{name}, {_MANY:,} deployments"
        beside = Beside(f"{_FEW} deployments", few)
        rows += [
            Row(what, many, beside, Goal(0.4, Measure.VALUE)),
            Row(what, many, beside, Goal(1.3, Measure.RATIO)),
        ]
    return rows


def grown(stage: Comparison, size: int) -> Path:
    """A copy of the stage's history with its newest retired deployment that many times more."""
    source = stage.state / "compose-bluegreen" / "history.db"
    file = stage.folder / f"{size}.db"
    with closing(sqlite3.connect(source)) as theirs, closing(sqlite3.connect(file)) as ours:
        theirs.backup(ours)
        pattern, newest = ours.execute(
            "SELECT max(id) FILTER (WHERE state = 'superseded'), max(id) FROM deployments"
        ).fetchone()
        there = ours.execute("SELECT count(*) FROM deployments").fetchone()[0]
        new = range(newest + 1, newest + 1 + size - there)
        with ours:
            for table, key in _tables(ours):
                _multiply(ours, table, key, pattern, new)
    return file


def _tables(database: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    """Those of deployments, with the column that names the deployment."""
    yield "deployments", "id"
    names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (name,) in names:
        if "deployment_id" in _columns(database, name):
            yield name, "deployment_id"


def _columns(database: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in database.execute(f"PRAGMA table_info({table})")]


def _multiply(
    database: sqlite3.Connection, table: str, key: str, pattern: int, new: Sequence[int]
) -> None:
    fresh = {key: ":new", "uid": "'copy ' || :new"}
    if key == "id":
        fresh["number"] = "-:new"  # before all others: what is live is among the newest
    columns = _columns(database, table)
    values = ", ".join(fresh.get(column, column) for column in columns)
    database.executemany(
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table} WHERE {key} = :pattern",  # noqa: S608 - names from the file's own schema
        [{"new": number, "pattern": pattern} for number in new],
    )
