"""Programs that a killed command left behind: the next command waits for them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from compose_bluegreen.adapters.system.children import Children
from compose_bluegreen.adapters.system.private_files import Scratch
from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.domain.errors import LockHeld
from testkit.waiting import eventually

QUICK = 0.3
"""Seconds."""


def children(
    folder: Path, project: str = "shop", engine: str = "one", patience: float = QUICK
) -> tuple[Children, list[str]]:
    remarks: list[str] = []
    scratch = Scratch(folder / "state" / "run")
    return Children(scratch, project, lambda: engine, remarks.append, patience), remarks


@contextmanager
def an_orphan(folder: Path, *, changes: bool = True) -> Iterator[subprocess.Popen[bytes]]:
    """Of a shell that started it: the program of a program inherits the lock."""
    launcher = children(folder)[0].launcher(changes=changes)
    script = "sleep 1000 & echo; wait"
    with subprocess.Popen([*launcher, "sh", "-c", script], stdout=subprocess.PIPE) as program:
        assert program.stdout
        program.stdout.readline()
        try:
            yield program
        finally:
            os.killpg(program.pid, 9)


def test_where_none_is_left_nothing_waits(tmp_path: Path) -> None:
    mine, remarks = children(tmp_path)
    with mine.lock():
        pass
    subprocess.run([*mine.launcher(), "true"], check=True, timeout=30)
    mine.wait_for_orphans()
    assert remarks == []


def test_one_that_still_runs_is_named_with_its_process(tmp_path: Path) -> None:
    mine, remarks = children(tmp_path)
    with an_orphan(tmp_path) as orphan, pytest.raises(LockHeld) as refused:
        mine.wait_for_orphans()
    problem = "a program that a killed command started for shop still runs (process "
    assert refused.value.message.startswith(problem)
    assert str(orphan.pid) in refused.value.message
    assert str(orphan.pid) in hint_text(refused.value.hint)
    assert remarks == [f"waiting up to 0.3 s: {refused.value.message}"]


def test_its_end_is_waited_for_and_that_of_what_it_started(tmp_path: Path) -> None:
    mine, remarks = children(tmp_path, patience=60)
    with an_orphan(tmp_path) as orphan:
        waits = subprocess.Popen(
            [sys.executable, "-c", WAITS, str(tmp_path / "state" / "run")],
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        assert waits.stdout
        assert waits.stdout.readline().startswith("waiting up to 60 s: a program")
        orphan.kill()
        orphan.wait()
        assert waits.poll() is None  # for the one that it started
    assert waits.communicate(timeout=30)[0] == "none is left\n"
    eventually(lambda: waits.returncode == 0, "the end of the waiting command")
    mine.wait_for_orphans()
    assert remarks == []


WAITS = """
import sys
from functools import partial
from pathlib import Path
from compose_bluegreen.adapters.system.children import Children
from compose_bluegreen.adapters.system.private_files import Scratch
report = partial(print, flush=True)
Children(Scratch(Path(sys.argv[1])), "shop", lambda: "one", report).wait_for_orphans()
report("none is left")
"""


def test_a_hook_of_the_host_that_inherits_the_lock_is_one_too(tmp_path: Path) -> None:
    mine, _ = children(tmp_path)
    with mine.lock() as lock:
        hook = subprocess.Popen(["sleep", "1000"], pass_fds=(lock,))
    with pytest.raises(LockHeld, match=str(hook.pid)):
        mine.wait_for_orphans()
    hook.kill()
    hook.wait()
    mine.wait_for_orphans()


def test_others_are_not_waited_for(tmp_path: Path) -> None:
    with an_orphan(tmp_path):
        for other in (children(tmp_path, project="blog"), children(tmp_path, engine="two")):
            other[0].wait_for_orphans()
            assert other[1] == []


def test_what_only_looks_is_not_waited_for(tmp_path: Path) -> None:
    with an_orphan(tmp_path, changes=False):
        children(tmp_path)[0].wait_for_orphans()
