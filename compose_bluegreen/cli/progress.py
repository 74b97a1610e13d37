"""Reports progress on stderr; stdout is for the answer.

A deployment does not fail because its reader is gone: nothing is written to a closed stream again.
"""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, TextIO

from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.cli.terminal import Terminal, clean, terminal_of
from compose_bluegreen.domain.states import Outcome

if TYPE_CHECKING:
    # Not at run time: these modules take 20 ms to load, and --help does not need them.
    from compose_bluegreen.domain.errors import BluegreenError
    from compose_bluegreen.ports.system import Observer

_REMARK = 300
"""Characters. The history keeps the whole output of a hook."""


class ProgressFormat(StrEnum):
    AUTO = "auto"
    TTY = "tty"
    PLAIN = "plain"
    JSON = "json"
    QUIET = "quiet"


def observer(face: ProgressFormat | str, stream: TextIO | None = None) -> Observer:
    """``auto`` is ``tty`` on a terminal, else ``plain``."""
    stream = sys.stderr if stream is None else stream
    terminal = terminal_of(stream)
    match ProgressFormat(face):
        case ProgressFormat.QUIET:
            return Quiet()
        case ProgressFormat.JSON:
            return Json(stream)
        case ProgressFormat.AUTO if terminal.width is None:
            return Plain(stream, terminal)
        case ProgressFormat.PLAIN:
            return Plain(stream, terminal)
    return Tty(stream, terminal)


class Quiet:
    def step_began(self, key: str, name: str, cause: str) -> None:
        pass

    def step_ended(
        self, key: str, name: str, outcome: Outcome, seconds: float, detail: str = ""
    ) -> None:
        pass

    def remark(self, text: str) -> None:
        pass


class _Line:
    """A stream whose reader may go away."""

    def __init__(self, stream: TextIO) -> None:
        self._stream: TextIO | None = stream

    def write(self, text: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            self._stream = None


class Plain:
    """One line when a step ends: for logs."""

    def __init__(self, stream: TextIO, terminal: Terminal | None = None) -> None:
        self._line = _Line(stream)
        self._terminal = terminal or Terminal()

    def step_began(self, key: str, name: str, cause: str) -> None:
        pass

    def step_ended(
        self,
        key: str,  # noqa: ARG002
        name: str,
        outcome: Outcome,
        seconds: float,
        detail: str = "",
    ) -> None:
        suffix = f": {self._terminal.cut(detail, _REMARK)}" if detail.strip() else ""
        self._line.write(f"{self._terminal.mark(outcome)} {clean(name)}  {seconds:.1f}s{suffix}\n")

    def remark(self, text: str) -> None:
        self._line.write(f"{clean(text)}\n")


class Tty:
    """The last line shows the running step with its cause, until its result replaces it."""

    def __init__(self, stream: TextIO, terminal: Terminal) -> None:
        self._line = _Line(stream)
        self._terminal = terminal
        self._running: list[str] = []

    def step_began(self, key: str, name: str, cause: str) -> None:  # noqa: ARG002
        self._running.append(f"{name} ({cause})" if cause else name)
        self._line.write(f"\r\x1b[K{self._now()}")

    def step_ended(
        self,
        key: str,  # noqa: ARG002
        name: str,
        outcome: Outcome,
        seconds: float,
        detail: str = "",
    ) -> None:
        if self._running:
            self._running.pop()
        suffix = f"  {self._terminal.cut(detail, _REMARK)}" if detail.strip() else ""
        took = self._terminal.paint(f"{seconds:.1f}s", "dim")
        self._above(f"{self._terminal.mark(outcome)} {clean(name)}  {took}{suffix}")

    def remark(self, text: str) -> None:
        self._above(clean(text))

    def _above(self, text: str) -> None:
        self._line.write(f"\r\x1b[K{text}\n{self._now()}")

    def _now(self) -> str:
        if not self._running:
            return ""
        # One column less than the width: a full line would wrap, and \r returns to its last row only.
        room = (self._terminal.width or 80) - 5
        return (
            f"{self._terminal.mark(Outcome.RUNNING)} {self._terminal.cut(self._running[-1], room)}"
        )


class Json:
    """One JSON object a line. An error is an object too."""

    def __init__(self, stream: TextIO) -> None:
        self._line = _Line(stream)

    def step_began(self, key: str, name: str, cause: str) -> None:
        self._say("step_began", key=key, step=name, cause=cause)

    def step_ended(
        self, key: str, name: str, outcome: Outcome, seconds: float, detail: str = ""
    ) -> None:
        self._say(
            "step_ended",
            key=key,
            step=name,
            outcome=outcome,
            seconds=round(seconds, 3),
            detail=detail,
        )

    def remark(self, text: str) -> None:
        self._say("remark", text=text)

    def error(self, error: BluegreenError) -> None:
        self._say(
            "error",
            message=error.message,
            detail=error.detail,
            hint=hint_text(error.hint),
            exit_code=int(error.exit_code),
        )

    def _say(self, event: str, **facts: object) -> None:
        self._line.write(json.dumps({"event": event, **facts}) + "\n")
