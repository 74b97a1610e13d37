"""Traffic statistics: what HAProxy counts for one colour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Latencies = Mapping[int, int]
"""A latency histogram: milliseconds until the first byte of the answer, rounded to two digits, to the
number of requests."""


@dataclass(frozen=True, slots=True)
class TrafficStats:
    """Counts since HAProxy started. With plain TCP, each connection counts as a request, and there are
    no ``errors`` and no ``latencies``.

    ``started`` counts started requests. ``errors`` were answered with 5xx, by a replica or by HAProxy.
    ``broken`` reached no replica, or the replica broke off its answer; ``client_aborts`` were aborted
    by the client. ``latencies`` is the histogram since the start, ``recent`` that of the last five
    minutes.
    """

    started: int = 0
    errors: int = 0
    broken: int = 0
    client_aborts: int = 0
    latencies: Latencies = field(default_factory=dict)
    recent: Latencies = field(default_factory=dict)

    def since(self, before: TrafficStats) -> TrafficStats:
        """The counts since ``before``; all counts if HAProxy has restarted since, and counts from zero."""
        if self.started < before.started:
            return self
        latencies = {
            ms: count - before.latencies.get(ms, 0) for ms, count in self.latencies.items()
        }
        return TrafficStats(
            self.started - before.started,
            self.errors - before.errors,
            self.broken - before.broken,
            self.client_aborts - before.client_aborts,
            {ms: count for ms, count in latencies.items() if count > 0},
            self.recent,
        )

    @property
    def ended(self) -> int:
        """The upper bound of ended requests: one that was answered with an error may count twice."""
        return answered(self.latencies) + self.errors + self.broken + self.client_aborts


def answered(latencies: Latencies) -> int:
    return sum(latencies.values())


def slower(latencies: Latencies, limit_ms: float) -> int:
    """How many requests waited longer than the limit."""
    return sum(count for ms, count in latencies.items() if ms > limit_ms)


def p95(latencies: Latencies) -> int | None:
    """The 95th percentile of the latency in milliseconds; None if no request was answered."""
    needed, seen = answered(latencies) * 0.95, 0
    for ms, count in sorted(latencies.items()):
        seen += count
        if seen >= needed:
            return ms
    return None
