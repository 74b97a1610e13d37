"""Which commands may run on this host: those that a compose file here has had.

The hooks of a release are also stored on the engine. A user who can write there is root on that
engine, but must not gain the rights of the user who runs ``rollback`` on this machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from compose_bluegreen.adapters.system.digest_file import DigestFile
from compose_bluegreen.domain.errors import BluegreenError
from compose_bluegreen.ports.runner import HOST_VARIABLE


class Trust:
    """``file`` has a digest a line. In the environment, BLUEGREEN_HOST_HOOKS=1 trusts all."""

    def __init__(self, file: Path, environ: Mapping[str, str]) -> None:
        self._digests = DigestFile(file)
        self._all = environ.get(HOST_VARIABLE) == "1"

    def __contains__(self, command: object) -> bool:
        return self._all or (isinstance(command, Sequence) and not self._digests.missing([command]))

    def add(self, command: Sequence[str]) -> None:
        """Raises BluegreenError where it can't be noted."""
        try:
            self._digests.add([command])
        except OSError as error:
            raise BluegreenError(
                f"can't note in {self._digests.path} which commands may run here: {error.strerror}",
                hint="up --no-hooks does without",
            ) from error
