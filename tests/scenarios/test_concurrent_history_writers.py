"""Real processes on one file, at once and killed in the middle."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from compose_bluegreen.adapters.history import SqlHistory
from compose_bluegreen.domain.project_ref import ProjectRef
from compose_bluegreen.domain.states import State
from testkit.checkout import ROOT
from tests.unit.adapters.history.test_sqlite import DRAFT, file, history, released

__all__ = ["file", "history"]


def a_process(script: str, file: Path) -> subprocess.Popen[str]:
    """Runs ``script`` once it is told to go, with ``history`` open on the file."""
    before = (
        "import sys\n"
        "from compose_bluegreen.adapters.history import open_history\n"
        "from tests.unit.adapters.history.test_sqlite import *\n"
        "import alembic.command\n"
        "history = open_history(sys.argv[1], {}, SCOPE)\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
    )
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", before + script, str(file)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_at_once(scripts: list[str], file: Path) -> list[tuple[int, str]]:
    """Exit code and stderr of each."""
    running = [a_process(script, file) for script in scripts]
    for each in running:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n", each.communicate()
    for each in running:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    ended = [each.communicate(timeout=60) for each in running]
    return [(each.returncode, err) for each, (_, err) in zip(running, ended, strict=True)]


def test_processes_that_open_a_new_file_at_once_all_succeed(
    file: Path, history: SqlHistory
) -> None:
    ended = run_at_once(["history.begin(DRAFT); history.close()"] * 4, file)
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
    assert run_at_once([script] * 4, file) == [(0, "")] * 4
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
    assert run_at_once([script], file) == [(-9, "")]
    history.check_writable()
    live = history.live(ProjectRef("ENGINE", "shop"), "web")
    assert live is not None
    assert (live.id, live.state) == (first, State.LIVE)
