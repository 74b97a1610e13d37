"""A command under way, bounded in time, whose standard error is read as it comes."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread, Timer
from typing import IO

PATIENCE = 90.0
"""Seconds after which any command is killed."""


class CommandFailed(Exception):
    """Nothing can be measured with it."""


@dataclass(frozen=True, slots=True)
class Said:
    moment: float
    line: str


@dataclass(slots=True)
class Command:
    """All moments are on ``time.monotonic()``; ``ended`` is set by ``end()``."""

    words: Sequence[str]
    process: subprocess.Popen[str]
    began: float
    ended: float = 0.0
    heard: list[Said] = field(default_factory=list)
    _threads: list[Thread] = field(default_factory=list)

    @classmethod
    def begin(cls, words: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Command:
        began = time.monotonic()
        process = subprocess.Popen(
            words,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        command = cls(words, process, began)
        command._listen()
        return command

    def end(self) -> str:
        """Its standard output. Raises CommandFailed with the last that it said."""
        assert self.process.stdout
        with self.process.stdout as stream:
            said = stream.read()
        code = self.process.wait()
        self.ended = time.monotonic()
        for each in self._threads:
            if isinstance(each, Timer):
                each.cancel()
            each.join()
        if code:
            last = "".join(one.line for one in self.heard[-20:])
            raise CommandFailed(f"{' '.join(self.words)} ended with {code}:\n{last}{said}")
        return said

    @property
    def seconds(self) -> float:
        return self.ended - self.began

    @property
    def has_failed(self) -> bool:
        return bool(self.process.poll())

    def _listen(self) -> None:
        assert self.process.stderr
        watchdog = Timer(PATIENCE, self.process.kill)
        watchdog.daemon = True
        self._threads = [
            Thread(target=self._read, args=[self.process.stderr], daemon=True),
            watchdog,
        ]
        for each in self._threads:
            each.start()

    def _read(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                self.heard.append(Said(time.monotonic(), line))
