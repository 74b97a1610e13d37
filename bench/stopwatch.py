"""From a command to the first answer of what it starts, and to its end."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from bench.command import PATIENCE, Command, CommandFailed

_EVERY = 0.01
"""Seconds between two requests: fine enough for figures of a second, little work for the machine."""


@dataclass(frozen=True, slots=True)
class Timed:
    """Seconds from the command. ``lost`` of the requests ``asked`` meanwhile got no good answer."""

    first: float
    whole: float
    asked: int
    lost: int


def first_answer(begin: Callable[[], Command], port: int, version: str) -> Timed:
    """Raises CommandFailed where none comes."""
    command = begin()
    asked, lost = 1, 0
    while (said := answered_by(port)) != version:
        asked, lost = asked + 1, lost + (said is None)
        if command.has_failed or time.monotonic() > command.began + PATIENCE:
            command.process.kill()
            command.end()
            raise CommandFailed(f"{' '.join(command.words)} brought no {version} to port {port}")
        time.sleep(_EVERY)
    first = time.monotonic() - command.began
    command.end()
    return Timed(first, command.seconds, asked, lost)


def whole(begin: Callable[[], Command]) -> float:
    command = begin()
    command.end()
    return command.seconds


def answered_by(port: int) -> str | None:
    """The version that answers on a new connection; None where no good answer comes."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as line:
        try:
            line.request("GET", "/", headers={"Connection": "close"})
            answer = line.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            return None
        return answer.getheader("X-Version") if answer.status == 200 else None
