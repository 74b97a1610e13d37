"""What HAProxy counts, what follows from it, and when it is too much."""

from __future__ import annotations

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compose_bluegreen.adapters.haproxy.stats import traffic_stats
from compose_bluegreen.config.limits import percentage, slowest_ms
from compose_bluegreen.config.settings import Bake
from compose_bluegreen.domain.traffic_stats import TrafficStats, p95
from compose_bluegreen.steps.analysis import Observation, exceeded_limit

STAT = """# pxname,svname,stot,hrsp_5xx,econ,eresp,cli_abrt,srv_abrt,scur
web-green-8080,replica1,99,99,99,99,99,99,
web-green-8080,BACKEND,154,12,3,9,2,4,1
web-green-9090,BACKEND,6,,1,0,0,0,0
web-blue-8080,BACKEND,1000,50,50,50,50,50,0
"""
TABLE = """# table: web-green-8080, type: integer, size:1024, used:2
0x7f5ceaa8b6d0: key=0 use=0 exp=86398774 shard=0 gpc0=86 gpc0_rate(300000)=80
0x7f5ceaa8bcd0: key=150 use=1 exp=86397373 gpc0=4 gpc0_rate(300000)=0

"""


def test_haproxys_words_are_read() -> None:
    found = traffic_stats(STAT, ["web-green-8080", "web-green-9090"], [TABLE, "Unknown table\n"])
    assert found == TrafficStats(160, 12, 8, 2, {0: 86, 150: 4}, {0: 80, 150: 0})


def test_what_came_since_is_the_difference() -> None:
    before = TrafficStats(100, 2, 1, 0, {10: 90, 20: 10})
    now = TrafficStats(150, 5, 1, 3, {10: 120, 20: 10, 300: 20}, {10: 7})
    assert now.since(before) == TrafficStats(50, 3, 0, 3, {10: 30, 300: 20}, {10: 7})


def test_an_haproxy_that_counts_anew_is_taken_as_it_is() -> None:
    now = TrafficStats(5, 1, 0, 0, {10: 5})
    assert now.since(TrafficStats(100, 9, 9, 9, {10: 100})) is now


@given(st.lists(st.integers(0, 60_000), min_size=1, max_size=300))
def test_the_p95_is_the_one_of_the_sorted_list(waits: list[int]) -> None:
    counted = {ms: waits.count(ms) for ms in waits}
    assert p95(counted) == sorted(waits)[ceil(len(waits) * 0.95) - 1]


def test_where_nobody_was_answered_there_is_none() -> None:
    assert p95({}) is None


@pytest.mark.parametrize(
    ("text", "before", "limit"),
    [
        ("3x", 100, 300.0),
        ("3x", 10, 60.0),
        ("1.5x", 1000, 1500.0),
        ("3x", None, None),
        ("800ms", None, 800.0),
        ("1.5s", 10, 1500.0),
        ("off", 10, None),
    ],
)
def test_how_slow_is_too_slow(text: str, before: int | None, limit: float | None) -> None:
    assert slowest_ms(text, before) == limit


@pytest.mark.parametrize("text", ["3", "x", "0.5x", "soon", ""])
def test_what_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="x"):
        slowest_ms(text, 10)


@pytest.mark.parametrize("text", ["5", "0.05", "101%", "-1%", "%", "5 %"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="such as 5%"):
        percentage(text)


def verdict(before_p95: int | None = 10, hung: int = 0, **counts: object) -> str:
    seen = Observation("web-green", "http", TrafficStats(**counts), "web-blue", before_p95, hung)  # type: ignore[arg-type]
    return exceeded_limit(seen, Bake(), slowness=True)


@pytest.mark.parametrize(
    ("counts", "verdict_"),
    [
        ({"begun": 1000, "errors": 50}, ""),
        ({"begun": 1000, "errors": 51}, "more than 5% 5xx"),
        ({"begun": 1000, "broken": 51}, "more than 5% broken connections"),
        ({"begun": 3, "errors": 2}, ""),
        ({"begun": 3, "errors": 3}, "more than 5% 5xx"),
        ({"begun": 1000, "waits": {10: 950, 61: 50}}, ""),
        ({"begun": 1000, "waits": {10: 949, 61: 51}}, "p95 above 60 ms"),
        ({"begun": 1000, "waits": {10: 949, 60: 51}}, ""),
        ({"begun": 3, "waits": {900: 3}}, "p95 above 60 ms"),
        ({"begun": 3, "waits": {900: 2}}, ""),
        ({"begun": 100, "waits": {10: 60}, "hung": 40}, "p95 above 60 ms"),
        ({"begun": 1000, "waits": {900: 1000}, "before_p95": None}, ""),
    ],
)
def test_what_is_too_much(counts: dict[str, object], verdict_: str) -> None:
    assert verdict(**counts) == verdict_  # type: ignore[arg-type]


def test_slowness_is_left_out_where_it_is_too_early_for_it() -> None:
    seen = Observation("web-green", "http", TrafficStats(1000, waits={900: 1000}), "web-blue", 10)
    assert exceeded_limit(seen, Bake(), slowness=False) == ""


def test_the_figures_are_told() -> None:
    counted = TrafficStats(154, 12, 3, 0, {12: 150, 800: 4})
    assert Observation("web-green", "http", counted, "web-blue", 11, 2).figures == (
        "154 requests: 12 answered 5xx, 3 broken, p95 12 ms (web-blue: 11 ms), 2 still wait"
    )
    assert Observation("db-green", "tcp", counted).figures == "154 connections: 3 broken"
    assert (
        Observation("web-green", "http", TrafficStats()).figures
        == "0 requests: 0 answered 5xx, 0 broken"
    )
