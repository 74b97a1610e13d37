"""A program that runs, and how it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

from testkit.waiting import PATIENCE, eventually


@dataclass(frozen=True, slots=True)
class Said:
    """A line, and when it was read on the clock of the load's records."""

    moment: float
    line: str


@dataclass(slots=True)
class Running:
    """A command under way, whose standard error is read as it comes."""

    command: Sequence[str]
    process: subprocess.Popen[str]
    stdout: Path
    began: float = field(default_factory=time.monotonic)
    heard: list[Said] = field(default_factory=list)
    ended: float | None = None
    """When nothing that it started could say anything any more."""
    _reader: Thread = field(init=False)

    def __post_init__(self) -> None:
        self._reader = Thread(target=self._listen, daemon=True)
        self._reader.start()

    def until(self, text: str) -> Said:
        """The first line with that text. Fails if the command ends without one."""
        found: list[Said] = []

        def said() -> bool:
            ended = not self._reader.is_alive()
            found.extend(one for one in self.heard if text in one.line)
            return bool(found) or ended

        eventually(said, f"{text!r} from {' '.join(self.command)}", every=0.002)
        assert found, f"{' '.join(self.command)} never said {text!r}:\n{self.err}"
        return found[0]

    def signal(self, number: signal.Signals, *, group: bool = False) -> None:
        """To the command alone, or as a terminal's Ctrl-C to all that it started too."""
        if group:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)

    def end(self) -> Run:
        """Waits for it."""
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.give_up()
            raise AssertionError(f"{' '.join(self.command)} hangs:\n{self.err}") from None
        self.end_of_output(5)
        code, out = self.process.returncode, self.stdout.read_text()
        return Run(self.command, code, out, self.began, tuple(self.heard))

    def end_of_output(self, seconds: float) -> None:
        """Waits for it, at most so long."""
        self._reader.join(seconds)

    def give_up(self) -> None:
        if self.process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    @property
    def err(self) -> str:
        return "".join(one.line for one in self.heard)

    def _listen(self) -> None:
        assert self.process.stderr
        with self.process.stderr as stream:
            for line in stream:
                self.heard.append(Said(time.monotonic(), line))
        self.ended = time.monotonic()


@dataclass(frozen=True, slots=True)
class Run:
    command: Sequence[str]
    code: int
    out: str
    began: float
    heard: tuple[Said, ...]

    @property
    def err(self) -> str:
        return "".join(one.line for one in self.heard)

    def moment(self, text: str) -> float:
        """When the first line with that text was read."""
        return next(one.moment for one in self.heard if text in one.line)

    def ended(self, code: int) -> Run:
        assert self.code == code, f"exit code {self.code}, not {code}\n{self}"
        return self

    def __str__(self) -> str:
        return f"$ {' '.join(self.command)}\n{self.err}{self.out}exit code {self.code}"
