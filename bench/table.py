"""The rows as a person, a document or a program reads them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from bench.figures import Goal, Measure, Row, Sample, Unit

_HEAD = ("what", "ours", "beside", "ratio", "goal", "reached")
_DIGITS = {Unit.SECONDS: 2, Unit.MILLISECONDS: 1, Unit.COUNT: 0, Unit.TIMES: 2}


def plain(rows: Sequence[Row]) -> str:
    cells = [_HEAD, *map(_cells, rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in cells]
    return "\n".join(lines) + "\n"


def markdown(rows: Sequence[Row]) -> str:
    lines = [_HEAD, ("---",) * len(_HEAD), *map(_cells, rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def document(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """For JSON: with the figures of every run."""
    return [
        {
            "what": row.name,
            "ours": _facts(row.ours),
            "beside": {"what": row.beside.name, **_facts(row.beside.sample)}
            if row.beside
            else None,
            "ratio": _facts(row.measured(Measure.RATIO)) if _comparable(row) else None,
            "goal": {"about": row.goal.about, "at_most": row.goal.limit} if row.goal else None,
            "reached": row.reached,
        }
        for row in rows
    ]


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.name,
        _show(row.ours),
        f"{row.beside.name}: {_show(row.beside.sample)}" if row.beside else "",
        _ratio(row),
        _goal(row.goal, row.ours.unit) if row.goal else "",
        {True: "yes", False: "no", None: ""}[row.reached],
    )


def _ratio(row: Row) -> str:
    """Or what comes on top, where that is what the goal is about."""
    if row.goal and row.goal.about is Measure.EXCESS:
        return f"+ {_show(row.measured(Measure.EXCESS))}"
    return _show(row.measured(Measure.RATIO)) if _comparable(row) else ""


def _comparable(row: Row) -> bool:
    return row.beside is not None and row.beside.sample.low > 0


def _goal(goal: Goal, unit: Unit) -> str:
    unit = Unit.TIMES if goal.about is Measure.RATIO else unit
    top = "+ " if goal.about is Measure.EXCESS else ""
    return f"≤ {top}{goal.limit:g} {unit}".rstrip()


def _show(sample: Sample) -> str:
    """The median, and where the runs differ the least and the most of them."""
    digits = _DIGITS[sample.unit]
    middle, low, high = (f"{each:.{digits}f}" for each in (sample.median, sample.low, sample.high))
    spread = "" if low == high else f" ({low} to {high})"
    return f"{middle} {sample.unit}".rstrip() + spread


def _facts(sample: Sample) -> dict[str, Any]:
    return {
        "unit": sample.unit,
        "median": sample.median,
        "min": sample.low,
        "max": sample.high,
        "runs": list(sample.values),
    }
