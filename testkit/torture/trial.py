"""One row of the table: some deploys of one kind of application under one load."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from testkit.load import Load, Mix
from testkit.load.mix import Bounds
from testkit.load.target import Target
from testkit.torture.deploys import Deploy, Deploys, Manners
from testkit.torture.idle import idle
from testkit.torture.ledger import Ledger
from testkit.torture.reckoning import IdleAnswer, Row, Seen, reckon
from testkit.torture.target import answers


@dataclass(frozen=True, slots=True)
class Ground:
    """What all trials of a run share."""

    target: Target
    url: str
    mix: Mix
    deploys: Deploys
    idle: int
    ledger: Ledger | None
    folder: Path
    say: Callable[[str], None]
    pause: float

    def settle(self, deployed: str) -> None:
        """Until it answers, and a pause in which what is late can be seen."""
        answers(self.target, deployed)
        time.sleep(self.pause)


@dataclass(frozen=True, slots=True)
class Trial:
    """``kills``: each deploy is killed at a moment of chance, and given again."""

    manners: Manners
    count: int
    kills: bool

    def run(self, ground: Ground) -> Row:
        """The application has these manners already: what leaves first is the deploy before."""
        before = ground.deploys.run(self.manners)
        ground.settle(before.version)
        if ground.ledger:
            ground.ledger.clear()
        done: list[Deploy] = []
        asked: list[IdleAnswer] = []
        log = ground.folder / "load.jsonl"
        bounds = Bounds(seconds=60 + 2 * self.count * (ground.deploys.timeout + 60))
        with (
            idle(ground.idle, ground.target) as clients,
            Load.running(ground.url, log=log, mix=ground.mix, bounds=bounds) as load,
        ):
            for deploy in self._deployed(ground):
                done.append(deploy)
                ground.say(f"{self}: {_told(deploy)}")
                if deploy.code == 0:
                    asked += clients.ask(deploy.version)
                    ground.settle(deploy.version)
        received = ground.ledger.received() if ground.ledger else None
        report = load.report()
        ground.say(report.describe())
        return reckon(Seen(report, done, asked, ground.mix.long_ms, received))

    def _deployed(self, ground: Ground) -> Iterator[Deploy]:
        for _ in range(self.count):
            if self.kills:
                yield from ground.deploys.killed(self.manners)
            else:
                yield ground.deploys.run(self.manners)

    def __str__(self) -> str:
        return f"{self.manners}, {'kills' if self.kills else 'deploys'}"


def _told(deploy: Deploy) -> str:
    how = "killed" if deploy.was_killed else f"exit code {deploy.code}"
    told = f"{deploy.version}, {how} after {deploy.seconds:.1f} s"
    return told if deploy.code in {0, -9} else f"{told}\n{deploy.said}"
