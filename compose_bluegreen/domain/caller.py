"""Who runs a command, and on which engine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, from where: ``actor`` as user@host, ``engine`` the engine's own id."""

    actor: str
    engine: str
    git_revision: str | None = None
