"""python -m bench.standby: a rollback to what stands by, from the prompt. Needs an engine."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from bench import table
from bench.command import CommandFailed
from bench.comparison import Comparison, opened
from bench.figures import Beside, Goal, Measure, Row, Sample, Unit
from bench.machine import Machine
from testkit.load import Load

_SETTLE = 0.5
_QUICKLY = "standby: 10m, health.interval: 200ms"
"""What stands by is proven at HAProxy's next look, so at most an interval later."""
_KINDS: dict[str, dict[str, Any]] = {
    "standby: 10m": {"standby": "10m"},
    _QUICKLY: {"standby": "10m", "health": {"path": "/healthz", "interval": "200ms"}},
    "standby: stopped": {"standby": "stopped"},
    "standby: removed": {"standby": "removed"},
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.standby", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, metavar="N")
    parser.add_argument("--plugin", type=Path, metavar="PATH")
    asked = parser.parse_args()
    machine = Machine()
    found: dict[str, list[float]] = {kind: [] for kind in _KINDS}
    failed = 0
    try:
        with opened(asked.plugin) as stage:
            for _ in range(asked.runs):
                for kind, seconds in found.items():
                    machine.until_quiet()
                    took, lost = _rollback(stage, _KINDS[kind])
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
    cold = Beside("standby: removed", samples.pop("standby: removed"))
    goals = dict.fromkeys(("standby: 10m", _QUICKLY), Goal(0.7, Measure.VALUE))
    return [
        *(Row(f"{what}, {kind}", one, cold, goals.get(kind)) for kind, one in samples.items()),
        Row("failed requests", Sample((failed,), Unit.COUNT), goal=Goal(0, Measure.VALUE)),
    ]


def _rollback(stage: Comparison, settings: dict[str, Any]) -> tuple[float, int]:
    """Seconds, and requests that failed."""
    file = stage.folder / "ours" / "compose.yaml"
    model = json.loads(file.read_text())
    before = model["services"]["web"]["x-bluegreen"]
    model["services"]["web"]["x-bluegreen"] = {**before, "health": {"path": "/healthz"}, **settings}
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
