"""The journal of history, on a volume of its own on the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from shlex import quote
from typing import Protocol

from compose_bluegreen.adapters.history.journal_documents import HALF
from compose_bluegreen.adapters.history.journal_files import NOTES, Seen, seen
from compose_bluegreen.domain.errors import ProxyFailed
from compose_bluegreen.domain.hints import Action, Hint

_MISSING = "no volume"


class VolumeAccess(Protocol):
    """The way to the volume. Each method raises BluegreenError where it can't be reached."""

    @property
    def folder(self) -> str:
        """Where the scripts find the volume."""

    def run(self, script: str) -> str:
        """The output of a shell script, both streams."""

    def try_to_run(self, script: str) -> str | None:
        """None where there is no shell."""

    def run_or_write(self, script: str, files: Mapping[str, str]) -> None:
        """Without a shell, writes these files instead."""

    def archive(self) -> bytes | None:
        """The folder as a tar; None where there is none."""


class VolumeJournal:
    """Written by scripts, each file whole or not at all; read as an archive."""

    def __init__(self, volume: VolumeAccess) -> None:
        self._volume = volume
        self._folder = volume.folder

    def look(self) -> Seen | None:
        output = self._volume.try_to_run(
            f"cd {self._folder} 2>/dev/null || {{ echo {quote(_MISSING)}; exit; }}"
            f"; printf '%s\\n' *; echo /; cat {NOTES} 2>/dev/null || true"
        )
        if output is None:
            return self.read()
        if output.strip() == _MISSING:
            raise ProxyFailed(
                "the proxy was created by an earlier version, and has no volume for the journal",
                hint=Hint(Action.PROXY_RECREATE),
            )
        files, _, notes = output.partition("/\n")
        return Seen(tuple(files.splitlines()), notes)

    def read(self) -> Seen | None:
        packed = self._volume.archive()
        return seen(packed) if packed is not None else None

    def write(self, files: Mapping[str, str], obsolete: Sequence[str]) -> None:
        commands = [f"printf '%s\\n' {quote(text)} >{name}{HALF}" for name, text in files.items()]
        if files:
            commands.append(f"sync {' '.join(f'{name}{HALF}' for name in files)}")
        commands += [f"mv {name}{HALF} {name}" for name in files]
        if obsolete:
            commands.append(f"rm -f {' '.join(obsolete)}")
        self._volume.run_or_write(
            self._script(*commands, f": >{NOTES}"),
            {name: f"{text}\n" for name, text in files.items()},
        )

    def set_aside(self, names: Mapping[str, str]) -> None:
        self._volume.run(self._script(*(f"mv {old} {new}" for old, new in names.items())))

    def note(self, line: str) -> None:
        self._volume.run(f"printf '%s\\n' {quote(line)} >>{self._folder}/{NOTES}")

    def _script(self, *commands: str) -> str:
        return " && ".join([f"cd {self._folder}", *commands])
