"""Two machines with a local history each, and one journal on the engine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from compose_bluegreen.adapters.history import Scope, open_history
from testkit.fakes.journal import FakeJournal
from testkit.synced_history import (
    ENGINE,
    PROJECT,
    Machine,
)


@pytest.fixture
def journal() -> FakeJournal:
    return FakeJournal()


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrating takes longer than most tests here, so it is done once."""
    file = tmp_path_factory.mktemp("migrated") / "history.db"
    with open_history(str(file), {}, Scope(ENGINE, PROJECT)) as history:
        history.check_writable()
    return file


@pytest.fixture
def machines(tmp_path: Path, journal: FakeJournal, migrated: Path) -> Iterator[dict[str, Machine]]:
    with ExitStack() as opened:
        found = {name: Machine(tmp_path / name, journal, opened) for name in "ab"}
        for machine in found.values():
            machine.folder.mkdir()
            shutil.copy(migrated, machine.file)
        yield found


@pytest.fixture
def a(machines: dict[str, Machine]) -> Machine:
    return machines["a"]


@pytest.fixture
def b(machines: dict[str, Machine]) -> Machine:
    return machines["b"]
