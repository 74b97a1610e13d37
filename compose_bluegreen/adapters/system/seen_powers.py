"""Which powers releases from compose files on this machine have had, and those that a person agreed to."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from compose_bluegreen.adapters.system.digest_file import DigestFile
from compose_bluegreen.domain.errors import BluegreenError


class SeenPowers:
    """The digests of project, service and power, in ``file``."""

    def __init__(self, file: Path, project: str) -> None:
        self._digests = DigestFile(file)
        self._project = project

    def note(self, service: str, powers: Iterable[str]) -> None:
        try:
            self._digests.add([(self._project, service, power) for power in powers])
        except OSError as error:
            raise BluegreenError(
                f"can't note in {self._digests.path} which powers {service} has: {error.strerror}"
            ) from error

    def unseen(self, service: str, powers: Iterable[str]) -> frozenset[str]:
        triples = [(self._project, service, power) for power in powers]
        return frozenset(power for _, _, power in self._digests.missing(triples))
