"""Traffic statistics: what HAProxy counts for one colour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

Latencies = Mapping[int, int]
"""A latency histogram: milliseconds until the first byte of the answer, rounded to two digits, to the
number of requests."""


@dataclass(frozen=True, slots=True)
class TrafficStats:
    """Counts since HAProxy started. With plain TCP, each connection counts as a request, and there are
    no ``errors`` and no ``latencies``.

    ``started`` counts started requests. ``errors`` were answered with 5xx, by a replica or by HAProxy.
    ``broken`` reached no replica, or the replica broke off its answer. ``latencies`` is the histogram
    since the start, ``recent`` that of the last five minutes; both are of the requests that arrived
    whole, because how long an upload takes is up to the client.
    """

    started: int = 0
    errors: int = 0
    broken: int = 0
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
            {ms: count for ms, count in latencies.items() if count > 0},
            self.recent,
        )


def with_waiting(latencies: Latencies, ages: Collection[timedelta]) -> Latencies:
    """With requests that have no answer yet: each waits at least for its age."""
    return Counter(latencies) + Counter(round(age.total_seconds() * 1000) for age in ages)


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
