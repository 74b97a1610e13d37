"""What HAProxy has counted of a colour. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Waits = Mapping[int, int]
"""Milliseconds until the first byte of the answer, to two digits; and how many waited so long."""


@dataclass(frozen=True, slots=True)
class TrafficStats:
    """Since HAProxy runs. Over plain TCP, requests are connections, and nobody waits or errs.

    ``errors`` were answered with 5xx, by a replica or in its place; ``broken`` found no replica that
    took them, or one that broke off in the middle; ``left`` are visitors who did so themselves.
    ``recent`` is ``waits`` of the last five minutes.
    """

    begun: int = 0
    errors: int = 0
    broken: int = 0
    left: int = 0
    waits: Waits = field(default_factory=dict)
    recent: Waits = field(default_factory=dict)

    def since(self, before: TrafficStats) -> TrafficStats:
        """What has come since; all of it, where HAProxy has begun to count anew."""
        if self.begun < before.begun:
            return self
        waits = {ms: count - before.waits.get(ms, 0) for ms, count in self.waits.items()}
        return TrafficStats(
            self.begun - before.begun,
            self.errors - before.errors,
            self.broken - before.broken,
            self.left - before.left,
            {ms: count for ms, count in waits.items() if count > 0},
            self.recent,
        )

    @property
    def ended(self) -> int:
        """At most so many: who was answered with an error may count twice."""
        return answered(self.waits) + self.errors + self.broken + self.left


def answered(waits: Waits) -> int:
    return sum(waits.values())


def slower(waits: Waits, limit_ms: float) -> int:
    """How many waited longer."""
    return sum(count for ms, count in waits.items() if ms > limit_ms)


def p95(waits: Waits) -> int | None:
    """Milliseconds within which 95 of 100 were answered; None where nobody was."""
    wanted, seen = answered(waits) * 0.95, 0
    for ms, count in sorted(waits.items()):
        seen += count
        if seen >= wanted:
            return ms
    return None
