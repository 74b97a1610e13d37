"""python -m bench: releases for real, some minutes long, and prints what it took. Needs an engine."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench import commands, memory, table
from bench.command import CommandFailed
from bench.comparison import Comparison, opened
from bench.figures import Goal, Measure, Row, Sample, Unit
from bench.machine import Machine
from bench.releases import Releases
from bench.traffic import Traffic

PARTS = ("releases", "traffic", "commands", "history")
BEGIN, END = "<!-- python -m bench --into: begin -->\n", "<!-- python -m bench --into: end -->\n"


def main() -> int:
    asked = _arguments()
    machine = Machine()
    try:
        with opened(asked.plugin) as stage:
            rows = _measured(stage, machine, asked.only or PARTS, asked.runs)
    except CommandFailed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    notes = [machine.describe(), f"{asked.runs} runs; {machine.noise()}"]
    if asked.json:
        answer = {"at": datetime.now(UTC).isoformat(), "notes": notes, "rows": table.document(rows)}
        asked.json.write_text(json.dumps(answer, indent=2) + "\n")
    in_markdown = table.markdown(rows) + "\n" + "".join(f"{note}.  \n" for note in notes)
    if asked.into:
        _replace(asked.into, in_markdown)
    print(in_markdown if asked.markdown else table.plain(rows) + "\n" + "\n".join(notes))
    return 1 if any(row.reached is False and row.ours.unit is Unit.COUNT for row in rows) else 0


def _measured(stage: Comparison, machine: Machine, parts: Sequence[str], runs: int) -> list[Row]:
    rows: list[Row] = []
    requests, failed, stale = 0, 0, 0
    _tell("first release, which makes the proxy")
    stage.release("0")
    if "releases" in parts:
        for delay in (1, 0):
            _tell(f"releases with a start of {delay} s")
            releases = Releases(stage, machine, delay)
            rows += releases.measure(runs)
            requests, failed = requests + releases.requests, failed + releases.failed
    if "traffic" in parts:
        _tell("releases under load")
        traffic = Traffic(stage, machine)
        rows += traffic.measure(runs)
        requests, failed = requests + traffic.requests, failed + traffic.failed
        stale = traffic.stale
    if "commands" in parts:
        _tell("commands")
        rows += commands.measure(stage, machine, runs)
    if "history" in parts:
        _tell("history")
        rows += memory.measure(stage, machine, runs)
    none = Goal(0, Measure.VALUE)
    return [
        *rows,
        Row(
            f"failed requests, of {requests:,}",
            Sample((failed,), Unit.COUNT),
            goal=none,
        ),
        Row(
            "answers of the old colour to requests after a switch",
            Sample((stale,), Unit.COUNT),
            goal=none,
        ),
    ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=PARTS, help="this part, and any more")
    parser.add_argument(
        "--runs", type=int, default=5, metavar="N", help="of each figure (default: 5)"
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="where all figures of all runs go"
    )
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    parser.add_argument(
        "--into", type=Path, metavar="FILE", help="replace the table in this document"
    )
    parser.add_argument(
        "--plugin",
        type=Path,
        metavar="PATH",
        help="the docker-bluegreen to measure (default: this Python's)",
    )
    return parser.parse_args()


def _replace(document: Path, text: str) -> None:
    before, _, rest = document.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    document.write_text(f"{before}{BEGIN}{text}{END}{after}", encoding="utf-8")


def _tell(text: str) -> None:
    sys.stderr.write(f"bench: {text}\n")


if __name__ == "__main__":
    sys.exit(main())
