"""When the commands of a stage may have switched."""

from __future__ import annotations

import subprocess
from math import inf
from pathlib import Path

from testkit.commands import Running
from testkit.load.linearizability import Switching
from testkit.switching import switching


def command(
    *words: str, began: float, ended: float | None, killed: bool = False, path: Path = Path()
) -> Running:
    """One that is over; its times are made up."""
    program = ["sh", "-c", "kill -9 $$" if killed else ":"]
    process = subprocess.Popen(program, stderr=subprocess.PIPE, text=True)
    running = Running(("docker", "bluegreen", *words), process, path)
    running.end_of_output(5)
    process.wait()
    running.began, running.ended = began, ended
    return running


def test_only_commands_that_may_switch_and_were_not_over_count() -> None:
    found = switching(
        [
            command("up", began=1, ended=2),
            command("up", began=3, ended=5),
            command("status", began=5, ended=6),
            command("rollback", began=7, ended=None),
        ],
        since=4,
        split=False,
    )

    assert found == [Switching(3, 5), Switching(7, inf)]


def test_a_canary_splits_while_its_command_runs() -> None:
    found = switching(
        [command("up", began=3, ended=5), command("rollback", began=7, ended=8)], 0, split=True
    )

    assert found == [Switching(3, 5, split=True), Switching(7, 8)]


def test_a_canary_that_is_killed_splits_until_the_next_command_has_ended() -> None:
    found = switching(
        [command("up", began=3, ended=5, killed=True), command("repair", began=7, ended=8)],
        0,
        split=True,
    )

    assert found == [Switching(3, 5, split=True), Switching(3, 8, split=True), Switching(7, 8)]
