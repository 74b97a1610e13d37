"""Interrupts end in one exception, and undoing is not interrupted. With real processes."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from testkit.checkout import ROOT

BLOCKED = """
import os, subprocess, sys
from compose_bluegreen.runtime import interrupts
from compose_bluegreen.cli.error_handler import handle_errors

def act():
    interrupts.listen()
    interrupts.watch_docker(os.environ.get(interrupts.SOCKET_VARIABLE))
    try:
        # The child says ready, for then its parent waits for it.
        subprocess.run(["sh", "-c", "echo ready; exec sleep 20 >/dev/null 2>&1"])
    except BaseException:
        with interrupts.shielded():
            print("undoing", flush=True)
            sys.stdin.readline()
            print("undone", flush=True)
        raise
    return 0

sys.exit(handle_errors(act))
"""

SWALLOWED = """
import signal, sys
from compose_bluegreen.runtime import interrupts
from compose_bluegreen.domain.errors import Interrupted

interrupts.listen()
interrupts._SAME_INTERRUPT = -1.0
for _ in range(2):
    try:
        signal.raise_signal(signal.SIGTERM)
    except Interrupted:
        print("raised")
"""

PUT_OFF = """
import signal, threading
from compose_bluegreen.runtime import interrupts
from compose_bluegreen.domain.errors import Interrupted

interrupts.listen()
try:
    with interrupts.put_off():
        signal.raise_signal(signal.SIGTERM)
        print("asked and answered")
    print("never here")
except Interrupted as error:
    print(error.message)

def elsewhere():
    with interrupts.put_off():
        began.set()
        done.wait()

interrupts._SAME_INTERRUPT = -1.0
began, done = threading.Event(), threading.Event()
other = threading.Thread(target=elsewhere)
other.start()
began.wait()
try:
    signal.raise_signal(signal.SIGTERM)
except Interrupted:
    print("at once, whatever another thread asks")
done.set()
other.join()
"""


SHIELD_ELSEWHERE = """
import signal, threading
from compose_bluegreen.runtime import interrupts
from compose_bluegreen.domain.errors import Interrupted

def elsewhere():
    with interrupts.shielded(print):
        began.set()
        done.wait()

interrupts.listen()
began, done = threading.Event(), threading.Event()
other = threading.Thread(target=elsewhere)
with interrupts.shielded(lambda text: print("the main thread's remark")):
    other.start()
    began.wait()
    signal.raise_signal(signal.SIGTERM)
try:
    signal.raise_signal(signal.SIGTERM)
except Interrupted as error:
    print(error.message)
done.set()
other.join()
"""

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def _start(program: str, **environment: str) -> subprocess.Popen[str]:
        script = tmp_path / "program.py"
        script.write_text(program)
        child = subprocess.Popen(
            [sys.executable, str(script)],
            env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(child)
        return child

    yield _start
    for child in started:
        child.kill()
        child.communicate()


def says(child: subprocess.Popen[str], line: str) -> None:
    assert child.stdout is not None
    assert child.stdout.readline() == f"{line}\n"


def let_it_undo(child: subprocess.Popen[str]) -> str:
    out, err = child.communicate("go on\n", timeout=30)
    assert out == "undone\n"
    return err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_wait_for_a_child_and_undoes(start: Start, number: signal.Signals) -> None:
    child = start(BLOCKED)
    says(child, "ready")
    child.send_signal(number)
    says(child, "undoing")
    assert f"error: interrupted by {number.name}" in let_it_undo(child)
    assert child.returncode == 130


def test_further_signals_while_undoing_are_only_remarked_upon(start: Start) -> None:
    child = start(BLOCKED)
    says(child, "ready")
    child.send_signal(signal.SIGINT)
    says(child, "undoing")
    child.send_signal(signal.SIGINT)
    child.send_signal(signal.SIGTERM)
    said = let_it_undo(child)
    assert "SIGINT received" in said
    assert "SIGTERM received" in said
    assert child.returncode == 130


@contextmanager
def docker_socket() -> Iterator[tuple[str, socket.socket]]:
    """As docker offers one to its plugins: an abstract name, written with an @."""
    name = f"bluegreen_test_{secrets.token_hex(8)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(f"\0{name}")
        listener.listen()
        listener.settimeout(30)
        yield f"@{name}", listener


def test_a_docker_that_is_gone_interrupts_as_a_signal_does(start: Start) -> None:
    with docker_socket() as (address, listener):
        child = start(BLOCKED, DOCKER_CLI_PLUGIN_SOCKET=address)
        line, _ = listener.accept()
        says(child, "ready")
        line.close()
        says(child, "undoing")
        let_it_undo(child)
    assert child.returncode == 130


def test_a_docker_that_stays_interrupts_nothing(start: Start) -> None:
    with docker_socket() as (address, listener):
        child = start(BLOCKED.replace("sleep 20", "true"), DOCKER_CLI_PLUGIN_SOCKET=address)
        line, _ = listener.accept()
        with line:
            child.communicate(timeout=30)
    assert child.returncode == 0


def test_a_socket_that_nobody_listens_on_interrupts_nothing(start: Start) -> None:
    child = start(
        BLOCKED.replace("sleep 20", "true"), DOCKER_CLI_PLUGIN_SOCKET="@nobody_listens_here"
    )
    child.communicate(timeout=30)
    assert child.returncode == 0


def test_a_signal_that_was_ignored_at_the_start_stays_ignored(start: Start) -> None:
    program = (
        "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "from compose_bluegreen.runtime import interrupts; interrupts.listen()\n"
        "signal.raise_signal(signal.SIGHUP); print('alive')\n"
    )
    out, _ = start(program).communicate(timeout=30)
    assert out == "alive\n"


def test_two_at_once_are_one(start: Start) -> None:
    out, _ = start(SWALLOWED.replace("-1.0", "60.0")).communicate(timeout=30)
    assert out == "raised\n"


def test_a_later_one_is_raised_again_where_the_first_was_swallowed(start: Start) -> None:
    out, _ = start(SWALLOWED).communicate(timeout=30)
    assert out == "raised\nraised\n"


def test_the_shield_s_remark_goes_where_it_is_told(start: Start) -> None:
    program = (
        "import signal\n"
        "from compose_bluegreen.runtime import interrupts\n"
        "interrupts.listen()\n"
        "with interrupts.shielded(print):\n"
        "    with interrupts.shielded():\n"
        "        signal.raise_signal(signal.SIGINT)\n"
    )
    out, err = start(program).communicate(timeout=30)
    assert out == "SIGINT received; the current work is completed first\n"
    assert err == ""


def test_an_interrupt_waits_for_the_end_of_a_question(start: Start) -> None:
    said, complaints = start(PUT_OFF).communicate(timeout=30)

    assert said.splitlines() == [
        "asked and answered",
        "interrupted by SIGTERM",
        "at once, whatever another thread asks",
    ]
    assert not complaints


def test_a_shield_of_another_thread_protects_only_that_thread(start: Start) -> None:
    said, complaints = start(SHIELD_ELSEWHERE).communicate(timeout=30)

    assert said.splitlines() == ["the main thread's remark", "interrupted by SIGTERM"]
    assert not complaints
