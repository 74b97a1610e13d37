"""Commands on the host of whoever types: what they see, how they end, and which may run."""

from __future__ import annotations

import os
import stat
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from compose_bluegreen.adapters.compose.runner import HookRunner
from compose_bluegreen.adapters.system.children import Children
from compose_bluegreen.adapters.system.hook_trust import Trust
from compose_bluegreen.adapters.system.private_files import Scratch
from compose_bluegreen.domain.errors import BluegreenError
from compose_bluegreen.ports.runner import CommandResult

AMPLE = timedelta(seconds=60)
NO_ROUTE = cast("Any", None)


@pytest.fixture
def runner(tmp_path: Path) -> HookRunner:
    trust = Trust(tmp_path / "state" / "compose-bluegreen" / "host-hooks", {})
    scratch = Scratch(tmp_path / "s" / "run")
    children = Children(scratch, "shop", lambda: "engine")
    return HookRunner(NO_ROUTE, NO_ROUTE, scratch, trust, children, tmp_path)


def test_a_command_sees_what_it_is_told_and_where_it_is(runner: HookRunner, tmp_path: Path) -> None:
    words = ["sh", "-c", 'echo "$BLUEGREEN_IMAGE at $PWD"; echo also >&2']
    ran = runner.here(words, {"BLUEGREEN_IMAGE": "web:1"}, AMPLE)
    assert ran == CommandResult(0, f"web:1 at {tmp_path}\nalso")


def test_only_the_end_of_much_is_kept(runner: HookRunner) -> None:
    script = "print('x' * 5000); [print(n) for n in range(99)]"
    ran = runner.here([sys.executable, "-c", script], {}, AMPLE)
    assert ran.output.splitlines() == [str(number) for number in range(69, 99)]


def test_a_flood_of_words_is_not_read_whole(runner: HookRunner) -> None:
    ran = runner.here([sys.executable, "-c", "print('x' * 10_000_000 + 'end')"], {}, AMPLE)
    assert ran.output == "x" * 3997 + "end"


def test_a_program_that_is_not_there_is_said(runner: HookRunner) -> None:
    ran = runner.here(["./no-such-hook"], {}, AMPLE)
    assert (ran.code, ran.output) == (127, "./no-such-hook: No such file or directory")


def test_what_isnt_done_in_time_is_ended_with_all_that_it_started(
    runner: HookRunner, tmp_path: Path
) -> None:
    words = ["sh", "-c", "sleep 300 & echo $! >child; wait"]
    assert runner.here(words, {}, timedelta(seconds=1)).code is None
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 30
    while _lives(child):
        assert time.monotonic() < deadline, "what the hook had started runs on"
        time.sleep(0.01)


def _lives(process: int) -> bool:
    try:
        state = (
            Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        )
    except OSError:
        return False
    return state != "Z"


def test_what_runs_on_in_the_background_keeps_nobody_waiting(runner: HookRunner) -> None:
    ran = runner.here(["sh", "-c", "sleep 20 & echo done"], {}, AMPLE)
    assert ran == CommandResult(0, "done")


def test_what_is_trusted_is_remembered_where_only_its_owner_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "compose-bluegreen" / "host-hooks"
    Trust(file, {}).add(["./tell.sh", "hush-hush"])
    assert ["./tell.sh", "hush-hush"] in Trust(file, {})
    assert ["./tell.sh"] not in Trust(file, {})
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "hush" not in file.read_text()


def test_whoever_gives_the_command_may_trust_all(tmp_path: Path) -> None:
    assert ["anything"] in Trust(tmp_path / "none", {"BLUEGREEN_HOST_HOOKS": "1"})
    assert ["anything"] not in Trust(tmp_path / "none", {"BLUEGREEN_HOST_HOOKS": "0"})


def test_where_it_cannot_be_noted_the_command_is_refused(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(BluegreenError, match="can't note"):
        Trust(blocked / "host-hooks", {}).add(["x"])


def test_a_command_inherits_the_environment_of_whoever_types(runner: HookRunner) -> None:
    ran = runner.here(["sh", "-c", "echo $PATH"], {}, AMPLE)
    assert ran.output == os.environ["PATH"]
