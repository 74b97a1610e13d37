"""A command that stops at any of its acts, loses its lock meanwhile and goes on, changes nothing.

The same seed stops at the same acts: ``FENCING_SEED=… scripts/test tests/e2e/test_fencing.py``. At
every act of a release: ``FENCING=all``.
"""

from __future__ import annotations

import os
import secrets
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from random import Random

import pytest

from testkit.commands import Running
from testkit.stage import Stage, service
from testkit.waiting import eventually

pytestmark = pytest.mark.engine

MANY = 400
"""More than the acts of a release: a command that is to stop later ends first."""

SAMPLE_SIZE = 12


def test_a_command_that_lost_its_lock_changes_nothing(stage: Stage) -> None:
    seed = int(os.environ.get("FENCING_SEED") or secrets.randbelow(1_000_000))
    stage.write(web=service(f"{stage.port}:8080"))
    stage.up("v1")
    acts = counted_acts(stage)
    chance = Random(seed)  # noqa: S311 - it must be the same again
    numbers = sorted(chance.sample(range(1, acts + 1), min(SAMPLE_SIZE, acts)))
    if os.environ.get("FENCING") == "all":
        numbers = list(range(1, acts + 1))
    for number in numbers:
        with stage.step(f"FENCING_SEED={seed}, act {number} of {acts}"):
            stopped_at(stage, number)


def stopped_at(stage: Stage, number: int) -> None:
    with visited(stage) as failures:
        running = stop_before(stage, number)
        if running.process.poll() is None:
            held = has_lock(stage)
            was_live = stage.ask().version == f"stopped-{number}"
            stage.bluegreen("lock", "release")
            stage.up("later")
            stage.up("last")
            running.signal(signal.SIGCONT)
            run = running.end()
            if held:
                assert run.code != 0 or was_live, f"it says that it succeeded:\n{run}"
                stage.serves("last")
            else:  # it had not begun, or was over
                assert run.code == 0, run
                assert stage.ask().version in {"last", f"stopped-{number}"}
            stage.up("after", "--force")
            stage.serves("after")
        assert not stage.drift()
    assert not failures, failures[:5]


def has_lock(stage: Stage) -> bool:
    """A command that was stopped before it signed the lock asks for it again, and then may go on."""
    under_way = stage.status()["under_way"]
    return under_way is not None and under_way["actor"] != "unknown user"


def counted_acts(stage: Stage) -> int:
    """How many acts a release has: the first number at which it ends without a stop."""
    few, many = 1, MANY
    while few < many:
        middle = (few + many) // 2
        running = stop_before(stage, middle)
        stopped = running.process.poll() is None
        running.signal(signal.SIGCONT) if stopped else None
        running.end().ended(0)
        few, many = (middle + 1, many) if stopped else (few, middle)
    return few - 1


def stop_before(stage: Stage, number: int) -> Running:
    """Returns when it has stopped, or ended."""
    running = stage.begin_stopping(number, "up", "--force", VERSION=f"stopped-{number}")
    eventually(
        lambda: _state(running.process.pid) == "T" or running.process.poll() is not None,
        f"a stop before act {number}",
        every=0.01,
    )
    return running


@contextmanager
def visited(stage: Stage) -> Iterator[list[str]]:
    """Asks every 10 ms; yields what was not answered with 200."""
    failures: list[str] = []
    over = threading.Event()

    def visit() -> None:
        while not over.wait(0.01):
            try:
                if (status := stage.ask().status) != 200:
                    failures.append(f"{time.monotonic():.2f}: {status}")
            except (OSError, HTTPException) as error:
                failures.append(f"{time.monotonic():.2f}: {error!r}")

    visitor = threading.Thread(target=visit)
    visitor.start()
    try:
        yield failures
    finally:
        over.set()
        visitor.join()


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return ""
