"""python -m bench.sets: ten services as one release, beside one service. Needs an engine."""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import table
from bench.command import Command, CommandFailed
from bench.comparison import Comparison, opened
from bench.figures import Beside, Goal, Measure, Row, Sample, Unit
from bench.machine import Machine

MANY = 10
_DELAY = "1"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.sets", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, metavar="N")
    parser.add_argument("--plugin", type=Path, metavar="PATH")
    asked = parser.parse_args()
    machine = Machine()
    try:
        with opened(asked.plugin) as stage:
            rows = Sets(stage, machine).measure(asked.runs)
    except CommandFailed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    print(f"{table.plain(rows)}\n{machine.describe()}\n{asked.runs} runs; {machine.noise()}")
    return 1 if any(row.reached is False for row in rows) else 0


@dataclass(slots=True)
class Sets:
    """``one`` is the stage's own project; the ten are another, whose first service is the same."""

    stage: Comparison
    machine: Machine
    _found: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def measure(self, runs: int) -> list[Row]:
        self._write()
        for many in (False, True):
            self._up(many, self.stage.new_version()).end()
        for run in range(runs):
            for many in (run % 2 == 0, run % 2 == 1):
                self._timed(many)
        return [
            self._row("up: to the end of the switch", "switched", Goal(2.0, Measure.RATIO)),
            self._row("up: the whole command", "whole", Goal(2.0, Measure.RATIO)),
        ]

    def _row(self, name: str, figure: str, goal: Goal) -> Row:
        one = Beside("one service", self._of(f"{figure}-one"))
        return Row(f"{MANY} services, {name}", self._of(f"{figure}-many"), one, goal)

    def _of(self, name: str) -> Sample:
        return Sample.of(self._found[name], Unit.SECONDS)

    def _timed(self, many: bool) -> None:
        self.machine.until_quiet()
        command = self._up(many, self.stage.new_version())
        command.end()
        which = "many" if many else "one"
        self._found[f"whole-{which}"].append(command.seconds)
        self._found[f"switched-{which}"].append(_switched(command) - command.began)
        _tell(which, command)

    def _up(self, many: bool, version: str) -> Command:
        folder = self.stage.folder / ("many" if many else "ours")
        told = {"VERSION": version, "START_DELAY": _DELAY}
        words = ("docker", "bluegreen", "up", "--progress", "json")
        return Command.begin(words, folder, {**self.stage.environment, **told})

    def _write(self) -> None:
        ours = self.stage.folder / "ours/compose.yaml"
        model: dict[str, Any] = json.loads(ours.read_text())
        service = model["services"]["web"]
        # As Docker has it by default: by the second, the probes of ten would be most of the work.
        service["healthcheck"]["interval"] = "30s"
        ours.write_text(json.dumps(model))
        del service["ports"]
        service["expose"] = ["8080"]
        services = {f"web{number}": service for number in range(MANY)}
        folder = self.stage.folder / "many"
        folder.mkdir()
        many = {"name": f"{self.stage.project}-many", "services": services}
        (folder / "compose.yaml").write_text(json.dumps(many))


def _steps(command: Command) -> list[tuple[float, dict[str, Any]]]:
    return [(one.moment, json.loads(one.line)) for one in command.heard]


def _switched(command: Command) -> float:
    """When the command said that the switch is done."""
    return next(
        moment
        for moment, said in _steps(command)
        if said["event"] == "step_ended" and said["key"] == "switch"
    )


def _tell(which: str, command: Command) -> None:
    """Where the time goes, for whoever watches: the steps that took longest."""
    steps = [said for _, said in _steps(command) if said["event"] == "step_ended"]
    steps.sort(key=lambda said: -float(said["seconds"]))
    longest = ", ".join(f"{one['step'][:22]} {one['seconds']:.2f}" for one in steps[:6])
    sys.stderr.write(f"bench: {which}: {command.seconds:.2f} s; {longest}\n")


if __name__ == "__main__":
    sys.exit(main())
