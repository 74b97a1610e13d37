"""The program that starts programs: what they inherit, and that they end with their command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from compose_bluegreen.adapters.system import child
from testkit.waiting import eventually


def launched(file: str, *command: str, parent: int | None = None) -> subprocess.Popen[str]:
    words = [sys.executable, "-I", "-S", child.__file__, file, str(parent or os.getpid()), *command]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")


@pytest.mark.parametrize("file", ["lock", ""])
def test_a_program_keeps_its_output_and_its_exit_code(file: str, tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.touch()
    program = launched(str(path) if file else "", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (*program.communicate(timeout=30), program.returncode) == ("out\n", "err\n", 7)


def test_it_has_a_session_of_its_own() -> None:
    program = launched("", sys.executable, "-c", "import os; print(os.getsid(0) == os.getpid())")
    assert program.communicate(timeout=30)[0] == "True\n"


def test_a_program_that_is_not_there_is_named() -> None:
    program = launched("", "no-such-program")
    assert program.communicate(timeout=30)[1] == "no-such-program: No such file or directory\n"
    assert program.returncode == 127


def test_it_is_not_started_where_its_command_has_ended() -> None:
    program = launched("", "echo", "too late", parent=1)
    assert program.communicate(timeout=30)[0] == ""
    assert program.returncode == 128 + signal.SIGTERM


COMMAND = """
import os, subprocess, sys
launcher, file = sys.argv[1:]
words = [sys.executable, "-I", "-S", launcher, file, str(os.getpid()), "sleep", "1000"]
program = subprocess.Popen(words)
print(program.pid, flush=True)
program.wait()
"""


def test_it_ends_with_a_command_that_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    file.touch()
    words = [sys.executable, "-c", COMMAND, child.__file__, str(file)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, encoding="utf-8") as command:
        assert command.stdout
        number = int(command.stdout.readline())
        cmdline = Path(f"/proc/{number}/cmdline")
        eventually(lambda: cmdline.read_bytes() == b"sleep\x001000\x00", "the program's start")
        command.kill()
    eventually(lambda: not cmdline.exists() or not cmdline.read_bytes(), "the program's end")
