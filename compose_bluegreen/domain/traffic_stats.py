"""Traffic statistics: what HAProxy counts for one colour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Waits = Mapping[int, int]
"""A latency histogram: milliseconds until the first byte of the answer, rounded to two digits, to the
number of requests."""


@dataclass(frozen=True, slots=True)
class TrafficStats:
    """Counts since HAProxy started. With plain TCP, each connection counts as a request, and there are
    no ``errors`` and no ``waits``.

    ``begun`` counts started requests. ``errors`` were answered with 5xx, by a replica or by HAProxy.
    ``broken`` reached no replica, or the replica broke off its answer; ``left`` were aborted by the
    client. ``waits`` is the latency histogram, ``recent`` that of the last five minutes.
    """

    begun: int = 0
    errors: int = 0
    broken: int = 0
    left: int = 0
    waits: Waits = field(default_factory=dict)
    recent: Waits = field(default_factory=dict)

    def since(self, before: TrafficStats) -> TrafficStats:
        """The counts since ``before``; all counts if HAProxy has restarted since, and counts from zero."""
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
        """The upper bound of ended requests: one that was answered with an error may count twice."""
        return answered(self.waits) + self.errors + self.broken + self.left


def answered(waits: Waits) -> int:
    return sum(waits.values())


def slower(waits: Waits, limit_ms: float) -> int:
    """How many requests waited longer than the limit."""
    return sum(count for ms, count in waits.items() if ms > limit_ms)


def p95(waits: Waits) -> int | None:
    """The 95th percentile of the latency in milliseconds; None if no request was answered."""
    wanted, seen = answered(waits) * 0.95, 0
    for ms, count in sorted(waits.items()):
        seen += count
        if seen >= wanted:
            return ms
    return None
