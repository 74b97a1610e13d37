"""python -m bench.bake: how long a bad release answers, once it has begun to. Needs an engine.

Bad releases under load, some of whose answers are errors; each must be switched back by itself, with
nothing else lost. Seconds from its first bad answer to the last request that it still got.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from bench.kills import staged
from testkit.load import Load, Report
from testkit.load.record import Outcome
from testkit.stage import LIGHT, Stage, service

SHARES = ("100", "20", "10")
"""Of a hundred answers, so many are errors."""


@dataclass(slots=True)
class Found:
    seconds: list[float] = field(default_factory=list)
    bad_answers: list[int] = field(default_factory=list)
    requests: int = 0
    lost: int = 0

    def enter(self, report: Report) -> None:
        bad = [one for one in report.failed if _is_own(one.outcome, one.version, one.status)]
        first = min(one.ended_at for one in bad)
        self.seconds.append(round(max(0.0, report.last("bad").routed_at - first), 3))
        self.bad_answers.append(len(bad))
        self.requests += report.started
        self.lost += len(report.failed) - len(bad)

    def told(self) -> dict[str, Any]:
        return {
            "runs": len(self.seconds),
            "first bad answer to flip, s": {
                "median": median(self.seconds),
                "max": max(self.seconds),
            },
            "bad answers": {"median": median(self.bad_answers), "max": max(self.bad_answers)},
            "requests": self.requests,
            "lost otherwise": self.lost,
        }


def _is_own(outcome: Outcome, version: str, status: int) -> bool:
    return (outcome, version, status) == (Outcome.BAD_STATUS, "bad", 500)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.bake", description=__doc__)
    parser.add_argument("--runs", type=int, default=10, metavar="N", help="of each share (10)")
    runs = parser.parse_args().runs
    found = {share: Found() for share in SHARES}
    with staged("bgbake") as stage:
        own = {"health": {"path": "/healthz"}, "drain_timeout": "5s", "bake": "60s"}
        stage.write(web=service(f"{stage.port}:8080", **{"x-bluegreen": own}))
        stage.up("v1", "--no-bake")
        for run in range(runs):
            for share, each in found.items():
                each.enter(_released(stage, share))
                said = f"{share} %: {each.seconds[-1]} s, {each.bad_answers[-1]} bad answers"
                sys.stderr.write(f"bench: run {run + 1}, {said}, {each.lost} lost otherwise\n")
    print(json.dumps({f"{share} % errors": each.told() for share, each in found.items()}, indent=2))
    return 1 if any(each.lost for each in found.values()) else 0


def _released(stage: Stage, share: str) -> Report:
    with Load.running(stage.url, log=stage.folder / "load.jsonl", mix=LIGHT) as load:
        stage.bluegreen("up", VERSION="bad", ERRORS=share).ended(1)
    stage.serves("v1")
    return load.report()


if __name__ == "__main__":
    sys.exit(main())
