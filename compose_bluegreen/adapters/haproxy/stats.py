"""Reads HAProxy's counters. Pure."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Collection, Iterable

from compose_bluegreen.domain.traffic_stats import TrafficStats

_WAITED = re.compile(r"key=(\d+) .*gpc0=(\d+) gpc0_rate\(\d+\)=(\d+)")
"""A line of ``show table``: milliseconds, the count so far, and the count of five minutes."""


def rows(stat: str) -> list[dict[str, str]]:
    """The lines of ``show stat``, by column."""
    return list(csv.DictReader(stat.strip().splitlines()))


def traffic_stats(stat: str, backends: Collection[str], tables: Iterable[str]) -> TrafficStats:
    """``tables`` are the output of ``show table`` for each backend; a plain TCP backend has none."""
    mine = [row for row in rows(stat) if row["svname"] == "BACKEND" and row["# pxname"] in backends]
    waited = [tuple(map(int, row)) for text in tables for row in _WAITED.findall(text)]
    latencies, recent = Counter[int](), Counter[int]()
    for ms, all_time, lately in waited:
        latencies[ms] += all_time
        recent[ms] += lately
    return TrafficStats(
        started=_sum(mine, "stot"),
        errors=_sum(mine, "hrsp_5xx"),
        broken=_sum(mine, "econ", "srv_abrt"),
        latencies=latencies,
        recent=recent,
    )


def _sum(rows: Iterable[dict[str, str]], *columns: str) -> int:
    return sum(int(row[column] or 0) for row in rows for column in columns)
