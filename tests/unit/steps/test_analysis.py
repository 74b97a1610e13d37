"""Analysis: which traffic statistics exceed a limit."""

from __future__ import annotations

import pytest

from compose_bluegreen.config.settings import Bake
from compose_bluegreen.domain.traffic_stats import TrafficStats
from compose_bluegreen.steps.analysis import Observation, exceeded_limit


def verdict(before_p95: int | None = 10, hung: int = 0, **counts: object) -> str:
    seen = Observation("web-green", "http", TrafficStats(**counts), "web-blue", before_p95, hung)  # type: ignore[arg-type]
    return exceeded_limit(seen, Bake(), slowness=True)


@pytest.mark.parametrize(
    ("counts", "verdict_"),
    [
        ({"started": 1000, "errors": 50}, ""),
        ({"started": 1000, "errors": 51}, "more than 5% 5xx"),
        ({"started": 1000, "broken": 51}, "more than 5% broken connections"),
        ({"started": 3, "errors": 2}, ""),
        ({"started": 3, "errors": 3}, "more than 5% 5xx"),
        ({"started": 1000, "latencies": {10: 950, 61: 50}}, ""),
        ({"started": 1000, "latencies": {10: 949, 61: 51}}, "p95 above 60 ms"),
        ({"started": 1000, "latencies": {10: 949, 60: 51}}, ""),
        ({"started": 3, "latencies": {900: 3}}, "p95 above 60 ms"),
        ({"started": 3, "latencies": {900: 2}}, ""),
        ({"started": 100, "latencies": {10: 60}, "hung": 40}, "p95 above 60 ms"),
        ({"started": 1000, "latencies": {900: 1000}, "before_p95": None}, ""),
    ],
)
def test_which_statistics_exceed_a_limit(counts: dict[str, object], verdict_: str) -> None:
    assert verdict(**counts) == verdict_  # type: ignore[arg-type]


def test_response_times_can_be_left_out() -> None:
    seen = Observation(
        "web-green", "http", TrafficStats(1000, latencies={900: 1000}), "web-blue", 10
    )
    assert exceeded_limit(seen, Bake(), slowness=False) == ""


def test_the_figures_are_reported() -> None:
    counted = TrafficStats(154, 12, 3, {12: 150, 800: 4})
    assert Observation("web-green", "http", counted, "web-blue", 11, 2).figures == (
        "154 requests: 12 answered 5xx, 3 broken, p95 12 ms (web-blue: 11 ms), 2 still wait"
    )
    assert Observation("db-green", "tcp", counted).figures == "154 connections: 3 broken"
    assert (
        Observation("web-green", "http", TrafficStats()).figures
        == "0 requests: 0 answered 5xx, 0 broken"
    )
