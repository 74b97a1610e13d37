"""HAProxy's own counters, read. Pure."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Collection, Iterable

from compose_bluegreen.domain.traffic_stats import TrafficStats

_WAITED = re.compile(r"key=(\d+) .*gpc0=(\d+) gpc0_rate\(\d+\)=(\d+)")
"""A line of ``show table``: milliseconds, how many since ever, how many in the last five minutes."""


def rows(stat: str) -> list[dict[str, str]]:
    """Of ``show stat``."""
    return list(csv.DictReader(stat.strip().splitlines()))


def traffic_stats(stat: str, backends: Collection[str], tables: Iterable[str]) -> TrafficStats:
    """``tables`` are what ``show table`` says of each backend; over plain TCP it has none."""
    mine = [row for row in rows(stat) if row["svname"] == "BACKEND" and row["# pxname"] in backends]
    found = [tuple(map(int, one)) for text in tables for one in _WAITED.findall(text)]
    waits, recent = Counter[int](), Counter[int]()
    for ms, ever, lately in found:
        waits[ms] += ever
        recent[ms] += lately
    return TrafficStats(
        begun=_sum(mine, "stot"),
        errors=_sum(mine, "hrsp_5xx"),
        broken=_sum(mine, "econ", "srv_abrt"),
        left=_sum(mine, "cli_abrt"),
        waits=waits,
        recent=recent,
    )


def _sum(mine: Iterable[dict[str, str]], *columns: str) -> int:
    return sum(int(row[column] or 0) for row in mine for column in columns)
