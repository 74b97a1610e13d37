"""Every outcome has an exit code, a sentence, and no traceback."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import typer

from compose_bluegreen.adapters.history.location import default_file
from compose_bluegreen.cli.error_handler import handle_errors
from compose_bluegreen.domain import errors
from compose_bluegreen.runtime.state_folder import state_folder
from testkit.checkout import ROOT


def raising(error: BaseException) -> Callable[[], int]:
    def act() -> int:
        raise error

    return act


def run(
    words: Sequence[str], *, stdout: int | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "compose_bluegreen", *words],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.BluegreenError("no"), 1),
        (errors.Unhealthy("no"), 1),
        (errors.UsageError("no"), 2),
        (errors.BadSetting("compose.yaml: web", "no"), 2),
        (errors.NeedsPerson("no"), 4),
        (errors.LockHeld("no"), 5),
        (errors.Interrupted("no"), 130),
        (typer.BadParameter("no"), 2),
        (typer.Exit(5), 5),
        (typer.Abort(), 130),
        (KeyboardInterrupt(), 130),
    ],
)
def test_each_error_has_its_exit_code(error: BaseException, code: int) -> None:
    assert handle_errors(raising(error)) == code


def test_what_the_command_says_is_the_exit_code() -> None:
    assert handle_errors(lambda: 4) == 4


def test_an_error_is_told_with_its_detail_and_the_next_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    handle_errors(
        raising(
            errors.Unhealthy("web is ill", detail="line 1\nline 2\n", hint="docker bluegreen logs")
        )
    )
    said = capsys.readouterr()
    assert said.err == "error: web is ill\n  line 1\n  line 2\nnext: docker bluegreen logs\n"
    assert said.out == ""


def test_what_a_failing_program_said_does_not_steer_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    handle_errors(raising(errors.Unhealthy("ill", detail="\x1b[2J\x1b]0;title\x07red\x9b1m")))
    assert capsys.readouterr().err == "error: ill\n  red1m\n"


def test_a_bug_leaves_a_report_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["docker-bluegreen", "--database=postgresql://me:hush@db/x"])

    assert handle_errors(raising(ZeroDivisionError("by nothing"))) == 3

    (report,) = (tmp_path / "compose-bluegreen" / "reports").iterdir()
    said = capsys.readouterr().err
    assert "ZeroDivisionError: by nothing" in said
    assert str(report) in said
    assert "Traceback" not in said
    assert "Traceback" in report.read_text()
    assert "hush" not in report.read_text()
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    assert stat.S_IMODE(report.parent.stat().st_mode) == 0o700


def test_a_report_goes_to_the_temporary_folder_where_the_state_folder_can_not_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    assert handle_errors(raising(ZeroDivisionError())) == 3

    (report,) = tmp_path.glob("*.txt")
    assert str(report) in capsys.readouterr().err


def test_docker_s_debug_flag_shows_the_traceback_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("BLUEGREEN_DEBUG", "1")
    handle_errors(raising(ZeroDivisionError()))
    assert "Traceback" in capsys.readouterr().err


def test_a_connection_that_breaks_is_not_taken_for_a_reader_that_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert handle_errors(raising(BrokenPipeError())) == 3


def test_a_reader_that_left_is_no_failure() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    ended = run(["--help"], stdout=writer)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_an_answer_that_can_not_be_written_is_a_failure() -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        ended = run(["--help"], stdout=full.fileno())
    assert ended.returncode == 1
    assert ended.stderr == "error: can't write to the output: No space left on device\n"


def test_a_closed_stderr_does_not_change_the_exit_code() -> None:
    ended = subprocess.run(
        ["sh", "-c", f"'{sys.executable}' -m compose_bluegreen nonsense 2>&-"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert ended.returncode == 2


def test_a_terminal_without_these_letters_gets_question_marks() -> None:
    ended = run(["up", "--ünknown"], PYTHONIOENCODING="ascii")
    assert ended.returncode == 2
    assert "--?nknown" in ended.stderr


@pytest.mark.parametrize(
    "environ",
    [
        {"XDG_STATE_HOME": "/state", "HOME": "/home/me"},
        {"XDG_STATE_HOME": "relative", "HOME": "/home/me"},
        {"HOME": "/home/me"},
        {},
    ],
)
def test_reports_are_beside_the_history(environ: dict[str, str]) -> None:
    assert state_folder(environ) == default_file(environ).parent
