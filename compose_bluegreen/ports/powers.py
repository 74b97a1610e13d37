"""The port that remembers which powers this machine has seen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol


class Powers(Protocol):
    """The powers of releases from compose files on this machine, and those that a person agreed to.

    They are on this machine and not on the engine, so that a changed journal can't add one.
    """

    def note(self, service: str, powers: Iterable[str]) -> None:
        """Raises BluegreenError where they can't be noted."""

    def unseen(self, service: str, powers: Iterable[str]) -> frozenset[str]:
        """Those among ``powers`` that were never noted for this service."""
