"""What a stream can show: colours, symbols, and how many columns."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO

from compose_bluegreen.domain.states import Outcome

_CONTROL = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)|[^\n\t\x20-\x7e\xa0-\U0010ffff]"
    # Marks that change the direction of text, and separators of lines: they make a line look like another.
    r"|[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)
_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34"}
_MARKS = {
    Outcome.RUNNING: ("…", "..", "blue"),
    Outcome.DONE: ("✔", "ok", "green"),
    Outcome.FAILED: ("✘", "failed:", "red"),
    Outcome.UNDONE: ("↩", "undone:", "yellow"),
    Outcome.WARNED: ("!", "warning:", "yellow"),
}


@dataclass(frozen=True, slots=True)
class Terminal:
    """``width`` is None if the stream is no terminal; then no text is cut."""

    colour: bool = False
    symbols: bool = False
    width: int | None = None

    def paint(self, text: str, style: str) -> str:
        return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if self.colour else text

    def mark(self, outcome: Outcome) -> str:
        symbol, word, style = _MARKS[outcome]
        return self.paint(symbol if self.symbols else word, style)

    def cut(self, text: str, room: int) -> str:
        """The text as one line, cut with an ellipsis if it is longer than ``room``."""
        line = one_line(text)
        if len(line) <= room:
            return line
        ellipsis = "…" if self.symbols else "..."
        return line[: max(0, room - len(ellipsis))] + ellipsis


def terminal_of(stream: TextIO, environ: Mapping[str, str] = os.environ) -> Terminal:
    tty = stream.isatty() and environ.get("TERM") != "dumb"
    return Terminal(
        colour=tty and not environ.get("NO_COLOR"),
        symbols=_can_show(stream, "✔✘↩…"),
        width=_columns(stream) if tty else None,
    )


def replace_unencodable(*streams: TextIO) -> None:
    """A character that the encoding lacks becomes a question mark instead of an error."""
    for stream in streams:
        if (reconfigure := getattr(stream, "reconfigure", None)) is not None:
            reconfigure(errors="replace")


def clean(text: str) -> str:
    """Without escape sequences, so that a log line or a message cannot control the terminal."""
    return _CONTROL.sub("", text)


def one_line(text: str) -> str:
    return " ".join(clean(text).split())


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def _can_show(stream: TextIO, text: str) -> bool:
    try:
        text.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
