"""Bake: once it has the traffic, the new colour is watched while the old one is still warm."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from compose_bluegreen.config.settings_reader import restored
from compose_bluegreen.domain import durations
from compose_bluegreen.ports.context import Context
from compose_bluegreen.steps import analysis
from compose_bluegreen.steps.rollout import Move, named
from compose_bluegreen.steps.saga import Step


@dataclass(slots=True)
class Bake:
    """Of those that have something to go back to: a first release has nothing."""

    moves: Sequence[Move]
    ctx: Context
    _watches: list[analysis.Watch] = field(default_factory=list)

    @classmethod
    def of(cls, moves: Sequence[Move], ctx: Context) -> Bake:
        return cls([one for one in moves if _time(one) and (one.live or one.held_by)], ctx)

    def switch(self, moves: Sequence[Move]) -> None:
        """What is counted is counted from the first request on."""
        self._watches = [analysis.Watch.begun(one, _time(one), self.ctx) for one in self.moves]
        self.ctx.proxy.route_to({move.service: move.idle for move in moves})

    def steps(self) -> Iterator[Step]:
        if self.moves:
            names = named(self.moves)
            time = durations.show(max(_time(one) for one in self.moves))
            cause = f"for {time}, while what served before is still there"
            yield Step(f"bake {names}", cause, lambda: analysis.watch(self._watches, self.ctx).told)


def _time(move: Move) -> timedelta:
    return restored(move.release.settings).bake.time
