"""python -m bench.long_history: commands with a long history beside a short one. Needs an engine.

Both are histories of the same project, so that the same commands run side by side: what slows one
down slows the other. It fails where the long history takes more than 1.2 times as long.
"""

from __future__ import annotations

import argparse
import json
import sys

from bench.command import CommandFailed
from bench.comparison import Comparison, opened
from bench.figures import Sample, Unit
from bench.machine import Machine
from bench.memory import grown

FEW = 10
AT_MOST = 1.2
"""Times as long, in the median of the runs."""

COMMANDS = {
    "history": ("history",),
    "status": ("status",),
    "up": ("up",),
}
_RELEASES = 3
"""For real, so that there is something to go back to. The others are copies of an old one."""


def main() -> int:
    asked = _arguments()
    try:
        with opened(None) as stage:
            ratios = _measured(stage, Machine(), asked.deployments, asked.runs)
    except CommandFailed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    print(json.dumps({name: _shown(ratio) for name, ratio in ratios.items()}, indent=2))
    return 1 if any(ratio.median > AT_MOST for ratio in ratios.values()) else 0


def _measured(
    stage: Comparison, machine: Machine, deployments: int, runs: int
) -> dict[str, Sample]:
    for _ in range(_RELEASES):
        stage.release("0")
    few, many = grown(stage, FEW), grown(stage, deployments)
    ratios = {}
    for name, words in COMMANDS.items():
        short, long = [], []
        for run in range(runs + 1):
            machine.until_quiet()
            pair = [stage.seconds("--database", str(file), *words) for file in (few, many)]
            if run:  # the first one writes what earlier commands have not seen
                short.append(pair[0])
                long.append(pair[1])
        ratios[name] = Sample.of(long, Unit.SECONDS).per(Sample.of(short, Unit.SECONDS))
        medians = [Sample.of(each, Unit.SECONDS).median for each in (short, long)]
        sys.stderr.write(f"bench: {name}: {medians[0]:.2f} s and {medians[1]:.2f} s\n")
    return ratios


def _shown(ratio: Sample) -> str:
    return f"{ratio.median:.2f} × ({ratio.low:.2f} to {ratio.high:.2f})"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.long_history", description=__doc__)
    parser.add_argument("--deployments", type=int, default=50_000, metavar="N")
    parser.add_argument("--runs", type=int, default=9, metavar="N", help="of each command (9)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
