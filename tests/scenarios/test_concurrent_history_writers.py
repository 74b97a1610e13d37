"""Real processes on one file, at once and killed in the middle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from compose_bluegreen.adapters.history import SqlHistory, open_history
from compose_bluegreen.domain.project_ref import ProjectRef
from compose_bluegreen.domain.states import State
from testkit.sqlite_file import DRAFT, SCOPE, released
from testkit.subprocesses import run_at_once

OPENED = """
import alembic.command
from compose_bluegreen.adapters.history import open_history
from compose_bluegreen.domain.states import Outcome, State
from testkit.sqlite_file import *
history = open_history(sys.argv[1], {}, SCOPE)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "history.db"


@pytest.fixture
def history(file: Path) -> Iterator[SqlHistory]:
    with open_history(str(file), {}, SCOPE) as opened:
        yield opened


def test_processes_that_open_a_new_file_at_once_all_succeed(
    file: Path, history: SqlHistory
) -> None:
    ended = run_at_once(OPENED, ["history.begin(DRAFT); history.close()"] * 4, str(file))
    assert ended == [(0, "")] * 4
    assert [each.id for each in history.newest("shop")] == [4, 3, 2, 1]


def test_processes_that_write_at_once_lose_nothing(file: Path, history: SqlHistory) -> None:
    history.begin(DRAFT)
    script = (
        "from compose_bluegreen.domain.deployment import StepRecord\n"
        "for n in range(25):\n"
        "    history.step(1, StepRecord('start', str(n), '', Outcome.DONE, NOON))\n"
        "history.close()\n"
    )
    assert run_at_once(OPENED, [script] * 4, str(file)) == [(0, "")] * 4
    found = history.get(1)
    assert found is not None
    assert len(found.steps) == 100


def test_a_process_killed_in_the_middle_of_a_change_leaves_none_of_it(
    file: Path, history: SqlHistory
) -> None:
    first = released(history)
    script = (
        "import os, signal\n"
        "from compose_bluegreen.adapters.history import transitions as moves\n"
        "with history.store.writing() as connection:\n"
        "    moves.move(connection, 1, State.REMOVED, NOON)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert run_at_once(OPENED, [script], str(file)) == [(-9, "")]
    history.check_writable()
    live = history.live(ProjectRef("ENGINE", "shop"), "web")
    assert live is not None
    assert (live.id, live.state) == (first, State.LIVE)
