"""What is to be known of an engine before it is trusted with a release."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """``restrictions`` are ``rootless`` and ``userns``. ``clock_ahead`` is how far its clock is ahead of
    this machine's. ``networks_left`` is how many networks it can still give addresses to.
    ``free_bytes`` is None where the engine is on another machine.
    """

    version: str
    api_version: str
    store: str
    restrictions: tuple[str, ...]
    clock_ahead: timedelta
    networks_left: int
    free_bytes: int | None
