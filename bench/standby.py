"""python -m bench.standby: a rollback to what stands by, from the prompt. Needs an engine."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from bench import table
from bench.command import CommandFailed
from bench.figures import Beside, Goal, Measure, Row, Sample, Unit
from bench.machine import Machine
from bench.stage import Stage, opened
from tests.load import Load

_SETTLE = 0.5


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.standby", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, metavar="N")
    parser.add_argument("--plugin", type=Path, metavar="PATH")
    asked = parser.parse_args()
    machine = Machine()
    found: dict[str, list[float]] = {"10m": [], "stopped": [], "removed": []}
    failed = 0
    try:
        with opened(asked.plugin) as stage:
            for _ in range(asked.runs):
                for standby, seconds in found.items():
                    machine.until_quiet()
                    took, lost = _rollback(stage, standby)
                    seconds.append(took)
                    failed += lost
    except CommandFailed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    rows = _rows(found, failed)
    print(f"{table.plain(rows)}\n{machine.describe()}\n{asked.runs} runs; {machine.noise()}")
    return 1 if any(row.reached is False for row in rows) else 0


def _rows(found: dict[str, list[float]], failed: int) -> list[Row]:
    what = "rollback, from the prompt to the last new request on the bad colour"
    samples = {name: Sample.of(values, Unit.SECONDS) for name, values in found.items()}
    cold = Beside("standby: removed", samples["removed"])
    return [
        Row(f"{what}, standby: 10m", samples["10m"], cold, Goal(0.7, Measure.VALUE)),
        Row(f"{what}, standby: stopped", samples["stopped"], cold),
        Row("failed requests", Sample((failed,), Unit.COUNT), goal=Goal(0, Measure.VALUE)),
    ]


def _rollback(stage: Stage, standby: str) -> tuple[float, int]:
    """Seconds, and requests that failed."""
    file = stage.folder / "ours" / "compose.yaml"
    model = json.loads(file.read_text())
    model["services"]["web"]["x-bluegreen"]["standby"] = standby
    file.write_text(json.dumps(model))
    for _ in range(2):
        stage.release("0")
    bad = stage.live
    with Load.running(f"http://127.0.0.1:{stage.port}", log=stage.folder / "load.jsonl") as load:
        time.sleep(_SETTLE)
        command = stage.bluegreen("rollback")
        command.end()
        time.sleep(_SETTLE)
    report = load.report()
    return report.last(bad).routed_at - command.began, len(report.failed)


if __name__ == "__main__":
    sys.exit(main())
