"""Traffic statistics: differences and percentiles."""

from __future__ import annotations

from datetime import timedelta
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from compose_bluegreen.domain.traffic_stats import TrafficStats, p95, with_waiting


def test_traffic_since_a_moment_is_the_difference() -> None:
    before = TrafficStats(100, 2, 1, {10: 90, 20: 10})
    now = TrafficStats(150, 5, 1, {10: 120, 20: 10, 300: 20}, {10: 7})
    assert now.since(before) == TrafficStats(50, 3, 0, {10: 30, 300: 20}, {10: 7})


def test_counters_that_start_again_at_zero_are_taken_as_they_are() -> None:
    now = TrafficStats(5, 1, 0, {10: 5})
    assert now.since(TrafficStats(100, 9, 9, {10: 100})) is now


@given(st.lists(st.integers(0, 60_000), min_size=1, max_size=300))
def test_the_p95_is_the_one_of_the_sorted_list(waits: list[int]) -> None:
    counted = {ms: waits.count(ms) for ms in waits}
    assert p95(counted) == sorted(waits)[ceil(len(waits) * 0.95) - 1]


def test_requests_that_still_wait_count_with_their_ages() -> None:
    ages = [timedelta(seconds=30), timedelta(seconds=30), timedelta(0)]
    assert with_waiting({10: 2}, ages) == {10: 2, 30_000: 2, 0: 1}
    assert p95(with_waiting({10: 90}, ages[:2] * 3)) == 30_000


def test_without_an_answer_there_is_no_p95() -> None:
    assert p95({}) is None
