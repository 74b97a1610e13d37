"""The table of a run: Markdown, which a terminal shows as well."""

from __future__ import annotations

from collections.abc import Mapping

from testkit.torture.reckoning import Row
from testkit.torture.trial import Trial

_COLUMNS = {
    "deploys": "deploys",
    "kills": "kills",
    "failed_deploys": "failed deploys",
    "seconds": "seconds a deploy",
    "requests": "requests",
    "lost": "lost",
    "cut_sockets": "sockets cut",
    "late": "late",
    "stale": "stale",
    "repeated": "repeated",
    "unseen": "unseen",
    "slow": "slow",
    "outage_s": "longest outage, s",
}


def markdown(rows: Mapping[Trial, Row]) -> str:
    """A line for each trial; ``?`` where nothing was measured."""
    heads = ["application", *_COLUMNS.values()]
    lines = [heads, ["---"] * len(heads)]
    for trial, row in rows.items():
        found = row.document()
        lines.append([str(trial), *(_cell(found[name]) for name in _COLUMNS)])
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _cell(value: object) -> str:
    if value is None:
        return "?"
    return f"{value:.1f}" if isinstance(value, float) else f"{value:,}"
