"""A Compose project on one engine: history, lock and proxy belong to it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProjectRef:
    """``engine`` is the engine's own id, ``name`` the Compose project's name."""

    engine: str
    name: str
