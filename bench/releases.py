"""A release on a quiet machine, beside Compose alone and beside the floor under both."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from bench.comparison import Comparison
from bench.figures import Beside, Goal, Measure, Row, Sample, Unit
from bench.machine import Machine
from bench.stopwatch import Timed, first_answer

WAIT = "compose up --wait"
RUN = "docker run"


@dataclass(slots=True)
class Releases:
    """``delay`` is how long the service takes, in seconds, before it begins to listen."""

    stage: Comparison
    machine: Machine
    delay: int
    requests: int = 0
    failed: int = 0
    _seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def measure(self, runs: int) -> list[Row]:
        self.stage.release(str(self.delay))  # what rollbacks bring back has the same delay
        ways = [self._up_and_back, self._wait, self._run]
        for run in range(runs):
            for way in range(len(ways)):
                # Each is the first of a run in its turn: what comes after another may profit.
                ways[(run + way) % len(ways)]()
        return self._rows()

    def _rows(self) -> list[Row]:
        wait, floor = self._beside(WAIT), self._beside(RUN)
        start = f"start of {self.delay} s"
        return [
            Row(f"up, {start}: first new answer", self._of("up"), wait, Goal(1.0, Measure.RATIO)),
            Row(f"up, {start}: first new answer", self._of("up"), floor, Goal(1.35, Measure.RATIO)),
            Row(f"up, {start}: its steps but the drain", self._of("steps"), wait),
            Row(f"up, {start}: whole command but the drain", self._of("whole"), wait),
            Row(
                f"rollback, {start}: first restored answer",
                self._of("rollback"),
                Beside("up", self._of("up")),
            ),
        ]

    def _of(self, name: str) -> Sample:
        return Sample.of(self._seconds[name], Unit.SECONDS)

    def _beside(self, name: str) -> Beside:
        return Beside(name, self._of(name))

    def _up_and_back(self) -> None:
        before = self.stage.live
        self._up()
        back = self._timed(partial(self.stage.bluegreen, "rollback"), self.stage.port, before)
        self._seconds["rollback"].append(back.first)
        self.stage.live = before
        self._count(back)

    def _up(self) -> None:
        version = self.stage.new_version()
        up = self._timed(
            partial(self.stage.bluegreen, "up", **self._told(version)), self.stage.port, version
        )
        steps = self.stage.last()["steps"]
        self._seconds["up"].append(up.first)
        self._seconds["steps"].append(
            sum(each["duration_s"] for each in steps if not _drains(each))
        )
        self._seconds["whole"].append(
            up.whole - sum(each["duration_s"] for each in steps if _drains(each))
        )
        self.stage.live = version
        self._count(up)

    def _wait(self) -> None:
        """Done when the command says so: when Docker finds it healthy."""
        version = self.stage.new_version()
        begin = partial(self.stage.compose, "up", "--detach", "--wait", **self._told(version))
        self._seconds[WAIT].append(self._timed(begin, self.stage.plain_port, version).whole)
        self.stage.clear_plain()

    def _run(self) -> None:
        version = self.stage.new_version()
        begin = partial(self.stage.run, **self._told(version))
        self._seconds[RUN].append(self._timed(begin, self.stage.floor_port, version).first)
        self.stage.clear_floor()

    def _count(self, timed: Timed) -> None:
        self.requests += timed.asked
        self.failed += timed.lost

    def _timed(self, begin: Callable[[], Any], port: int, version: str) -> Timed:
        self.machine.until_quiet()
        return first_answer(begin, port, version)

    def _told(self, version: str) -> dict[str, str]:
        return {"VERSION": version, "START_DELAY": str(self.delay)}


def _drains(step: dict[str, Any]) -> bool:
    return bool(step["key"] == "drain")
