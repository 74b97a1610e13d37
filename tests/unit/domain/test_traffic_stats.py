"""Traffic statistics: differences and percentiles."""

from __future__ import annotations

from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from compose_bluegreen.domain.traffic_stats import TrafficStats, p95


def test_traffic_since_a_moment_is_the_difference() -> None:
    before = TrafficStats(100, 2, 1, 0, {10: 90, 20: 10})
    now = TrafficStats(150, 5, 1, 3, {10: 120, 20: 10, 300: 20}, {10: 7})
    assert now.since(before) == TrafficStats(50, 3, 0, 3, {10: 30, 300: 20}, {10: 7})


def test_counters_that_start_again_at_zero_are_taken_as_they_are() -> None:
    now = TrafficStats(5, 1, 0, 0, {10: 5})
    assert now.since(TrafficStats(100, 9, 9, 9, {10: 100})) is now


@given(st.lists(st.integers(0, 60_000), min_size=1, max_size=300))
def test_the_p95_is_the_one_of_the_sorted_list(waits: list[int]) -> None:
    counted = {ms: waits.count(ms) for ms in waits}
    assert p95(counted) == sorted(waits)[ceil(len(waits) * 0.95) - 1]


def test_without_an_answer_there_is_no_p95() -> None:
    assert p95({}) is None
