"""A release under load: what visitors notice of it."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field

from bench.command import Command
from bench.comparison import Comparison
from bench.figures import Beside, Goal, Measure, Row, Sample, Unit
from bench.machine import Machine
from testkit.load import Kind, Load, Report

_DELAY = "1"
_SETTLE = 1.0
_WINDOW = 4.0


@dataclass(frozen=True, slots=True)
class Span:
    """Seconds of the clock that the load's records bear."""

    since: float
    until: float


@dataclass(slots=True)
class Traffic:
    stage: Comparison
    machine: Machine
    requests: int = 0
    failed: int = 0
    stale: int = 0
    _found: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def measure(self, runs: int) -> list[Row]:
        self.stage.release(_DELAY)
        for _ in range(runs):
            self.machine.until_quiet()
            self._run()
        before = Beside("before", self._ms("before"))
        return [
            Row(
                "switch: from its command to the last new request on the old colour",
                self._ms("switch"),
                goal=Goal(10, Measure.VALUE),
            ),
            Row(
                "switch: last request of the old colour after the first answer of the new",
                self._ms("overlap"),
            ),
            Row("p99 during up", self._ms("during"), before, Goal(1.2, Measure.RATIO)),
            Row("p99 while Compose starts some other container", self._ms("other"), before),
        ]

    def _ms(self, name: str) -> Sample:
        return Sample.of(self._found[name], Unit.MILLISECONDS)

    def _run(self) -> None:
        stage = self.stage
        old, new = stage.live, stage.new_version()
        log = stage.folder / "load.jsonl"
        with Load.running(f"http://127.0.0.1:{stage.port}", log=log) as load:
            time.sleep(_SETTLE)
            before = Span(time.monotonic(), time.monotonic() + _WINDOW)
            time.sleep(_WINDOW)
            up = stage.bluegreen("up", "--progress", "json", VERSION=new, START_DELAY=_DELAY)
            up.end()
            time.sleep(_SETTLE)
            other = stage.compose("up", "--detach", "--wait", VERSION=new, START_DELAY=_DELAY)
            other.end()
        report = load.report()
        self._count(report)
        self._switch(report, up, old, new)
        # Until the drain begins: that is quiet, and would thin out what is looked for.
        during = Span(up.began, _moment(up, "step_began", "drain"))
        spans = {"before": before, "during": during, "other": Span(other.began, other.ended)}
        for name, span in spans.items():
            self._found[name].append(report.p99(Kind.NEW, span.since, span.until))
        stage.clear_plain()
        self._back()  # to the old one, so that stage.live is right again

    def _switch(self, report: Report, up: Command, old: str, new: str) -> None:
        """From the line on stderr that says that the switch begins: a moment before it does."""
        last = report.last(old).routed_at
        began = _moment(up, "step_began", "switch")
        self._found["switch"].append(1000 * (last - began))
        self._found["overlap"].append(1000 * (last - report.first(new).ended_at))
        self.stale += len(report.late(old, after=_moment(up, "step_ended", "switch")))

    def _back(self) -> None:
        """Only counted: a version that answers twice can't be told apart by its answers."""
        with Load.running(
            f"http://127.0.0.1:{self.stage.port}", log=self.stage.folder / "load.jsonl"
        ) as load:
            self.stage.bluegreen("rollback").end()
        self._count(load.report())

    def _count(self, report: Report) -> None:
        self.requests += report.started
        self.failed += len(report.failed)


def _moment(command: Command, event: str, step: str) -> float:
    """When ``--progress json`` said it."""
    begins = f'{{"event": "{event}", "key": "{step}"'
    return next(one.moment for one in command.heard if one.line.startswith(begins))
