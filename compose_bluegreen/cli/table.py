"""Tables and times for people, without a library, because importing one takes longer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, tzinfo

from compose_bluegreen.cli.terminal import Terminal, one_line

_GAP = 2


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    terminal: Terminal,
    styles: Mapping[str, str],
) -> list[str]:
    """A line for the head and one for each row; the last column gets the remaining width.

    A cell that is a key of ``styles`` gets that style.
    """
    plain = [[one_line(cell) for cell in row] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*plain, strict=True)]
    if terminal.width is not None:
        room = max(8, terminal.width - sum(widths[:-1]) - _GAP * (len(widths) - 1))
        plain = [[*row[:-1], terminal.cut(row[-1], room)] for row in plain]

    def line(row: Sequence[str], style: Mapping[str, str]) -> str:
        # Padded before it is painted: ljust counts escape sequences, the terminal does not.
        cells = (
            terminal.paint(cell, style[cell]) + " " * (width - len(cell))
            if cell in style
            else cell.ljust(width)
            for cell, width in zip(row, widths, strict=True)
        )
        return (" " * _GAP).join(cells).rstrip()

    return [
        line(plain[0], dict.fromkeys(plain[0], "bold")),
        *(line(row, styles) for row in plain[1:]),
    ]


def local(moment: datetime | None, zone: tzinfo | None = None) -> str:
    """In the local zone, unless another is given."""
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S") if moment else ""


def took(duration: timedelta | None) -> str:
    """Short: ``0.4s``, ``12.3s``, ``2m05s``."""
    if duration is None:
        return ""
    seconds = duration.total_seconds()
    if seconds < 60:
        return f"{seconds:.1f}s"
    return f"{int(seconds) // 60}m{int(seconds) % 60:02d}s"
