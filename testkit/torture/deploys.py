"""The deploy command: run to its end, or killed at a moment of chance and run again."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from pathlib import Path
from random import Random
from statistics import median

from testkit.waiting import eventually

VARIABLE = "TORTURE_VERSION"
"""Not ``VERSION``, which is a variable of some deploy scripts themselves."""


class Manners(StrEnum):
    """Of the application at its end."""

    GRACEFUL = "graceful"
    """At SIGTERM it finishes its requests, and it keeps idle connections for 75 s."""
    RUDE = "rude"
    """At SIGTERM it exits at once, and it closes idle connections after 1 s."""

    @property
    def environment(self) -> dict[str, str]:
        if self is Manners.RUDE:
            return {"ON_SIGTERM": "die", "IDLE_TIMEOUT": "1"}
        return {"ON_SIGTERM": "", "IDLE_TIMEOUT": ""}


@dataclass(frozen=True, slots=True)
class Deploy:
    """Times are of the clock of the load's records."""

    version: str
    began: float
    ended: float
    code: int
    said: str = ""

    @property
    def was_killed(self) -> bool:
        return self.code == -signal.SIGKILL

    @property
    def seconds(self) -> float:
        return self.ended - self.began


@dataclass(slots=True)
class Deploys:
    """``command`` is a line for the shell; ``{version}`` in it is replaced. The application's switches
    and the version, as ``TORTURE_VERSION``, are in its environment too."""

    command: str
    environment: Mapping[str, str]
    timeout: float
    chance: Random
    _seconds: list[float] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def run(self, manners: Manners) -> Deploy:
        return self._deployed(self._new_version(), manners, None)

    def killed(self, manners: Manners) -> list[Deploy]:
        """Killed, and run again with the same version."""
        typical = median(self._seconds)
        version = self._new_version()
        died = self._deployed(version, manners, self.chance.random() * typical)
        return [died, self._deployed(version, manners, None)]

    def _new_version(self) -> str:
        return f"t{next(self._numbers)}"

    def _deployed(self, version: str, manners: Manners, dies_after: float | None) -> Deploy:
        environment = {**self.environment, **manners.environment, VARIABLE: version}
        with tempfile.TemporaryFile() as output:
            began = time.monotonic()
            process = subprocess.Popen(
                ["sh", "-c", self.command.replace("{version}", version)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            with suppress(subprocess.TimeoutExpired):
                process.wait(self.timeout if dies_after is None else dies_after)
            if process.poll() is None:
                _kill_group(process)
            ended = time.monotonic()
            output.seek(0)
            said = output.read().decode(errors="replace")
        deploy = Deploy(version, began, ended, process.returncode, said)
        if deploy.code == 0:
            self._seconds.append(deploy.seconds)
        return deploy


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """The command and all that it started, but what has left its process group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    eventually(lambda: not _has_members(process.pid), "the end of the killed group", every=0.01)


def _has_members(group: int) -> bool:
    """But for those that are dead, and whose exit code has not been asked for yet."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, its_group = stat.read_text(encoding="utf-8").rpartition(")")[2].split()[:3]
            if int(its_group) == group and state != "Z":
                return True
    return False
