"""The journal on the engine, as history needs it: files, and nothing about deployments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from compose_bluegreen.adapters.system import tar

NOTES = "steps.log"
"""Steps since the last document, a line each: cheaper than a document, and less to lose."""


@dataclass(frozen=True, slots=True)
class Seen:
    """``contents`` only where they were read together with the names."""

    files: tuple[str, ...] = ()
    notes: str = ""
    contents: Mapping[str, bytes] = field(default_factory=dict, repr=False)


def seen(packed: bytes) -> Seen:
    """What an archive of the folder has."""
    contents = tar.files(packed)
    notes = contents.pop(NOTES, b"").decode(errors="replace")
    return Seen(tuple(contents), notes, contents)


class Readable(Protocol):
    """Raises BluegreenError where it can't be reached."""

    def look(self) -> Seen | None:
        """The names of all files, quickly; None where the engine keeps no journal (yet)."""

    def read(self) -> Seen | None:
        """With their contents."""


class Journal(Readable, Protocol):
    """What only the holder of the lock may do."""

    def write(self, files: Mapping[str, str], obsolete: Sequence[str]) -> None:
        """Each whole or not at all, on the disk; then without those in ``obsolete`` and the notes."""

    def set_aside(self, names: Mapping[str, str]) -> None:
        """Renames."""

    def note(self, line: str) -> None:
        """Adds a line to the notes."""
