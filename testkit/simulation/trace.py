"""What happened, one line for each act; written out only when somebody wants to read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from compose_bluegreen.ports.engine import Container
from compose_bluegreen.ports.workloads import ColourRelease


class Violation(AssertionError):
    """An invariant does not hold."""


@dataclass
class Trace:
    """Nothing is added once it ``ends``: only the unwinding comes after that."""

    ends: bool = False
    lines: list[tuple[float, str, str, tuple[object, ...]]] = field(default_factory=list)

    def add(self, time: float, who: str, what: str, given: tuple[object, ...] = ()) -> None:
        if not self.ends and not what.startswith("history.step"):
            self.lines.append((time, who, what, given))

    def __str__(self) -> str:
        return "\n".join(
            f"{time:9.3f} {who:16} {what} {' '.join(map(_short, given))}".rstrip()
            for time, who, what, given in self.lines
        )


def _short(value: object) -> str:
    if isinstance(value, ColourRelease):
        return f"{value.release.service}-{value.colour}={value.release.image.id}"
    if isinstance(value, Container):
        return f"{value.name}({value.image_id.removeprefix('sha256:')})"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_short(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_short, value)) + "]"
    text = str(value)
    return text if len(text) < 60 else f"{text[:57]}..."
