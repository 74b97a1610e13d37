"""A Compose project on one engine. It has one history, one lock and one proxy."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProjectRef:
    """``engine`` is the engine's own id, ``name`` the Compose project's name."""

    engine: str
    name: str
