"""The user who runs a command."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """``actor`` as user@host; ``git_revision`` is that of the folder in which the command runs, if any."""

    actor: str
    git_revision: str | None = None
