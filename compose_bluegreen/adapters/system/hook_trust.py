"""Which commands may run on this host: those that a compose file here has had.

The hooks of a release are also stored on the engine. A user who can write there is root on that
engine, but must not gain the rights of the user who runs ``rollback`` on this machine.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from compose_bluegreen.domain.errors import BluegreenError
from compose_bluegreen.ports.runner import HOST_VARIABLE
from compose_bluegreen.runtime.state_folder import make_private


class Trust:
    """``file`` has a digest a line. In the environment, BLUEGREEN_HOST_HOOKS=1 trusts all."""

    def __init__(self, file: Path, environ: Mapping[str, str]) -> None:
        self._file = file
        self._all = environ.get(HOST_VARIABLE) == "1"

    def __contains__(self, command: object) -> bool:
        return self._all or (isinstance(command, Sequence) and _digest(command) in self._known())

    def add(self, command: Sequence[str]) -> None:
        """Raises BluegreenError where it can't be noted."""
        if _digest(command) in self._known():
            return
        try:
            make_private(self._file.parent)
            number = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(number, "w", encoding="ascii") as file:
                file.write(f"{_digest(command)}\n")
        except OSError as error:
            raise BluegreenError(
                f"can't note in {self._file} which commands may run here: {error.strerror}",
                hint="up --no-hooks does without",
            ) from error

    def _known(self) -> set[str]:
        try:
            return set(self._file.read_text(encoding="ascii").split())
        except (OSError, ValueError):
            return set()


def _digest(command: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(list(command)).encode()).hexdigest()
