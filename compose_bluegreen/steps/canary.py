"""Canary: before the switch the traffic moves in steps, and each must pass the gate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from compose_bluegreen.config.canary_stages import Stage
from compose_bluegreen.config.settings_reader import restored
from compose_bluegreen.domain import durations
from compose_bluegreen.domain.release import works_unasked
from compose_bluegreen.domain.states import State
from compose_bluegreen.domain.topology import Share
from compose_bluegreen.ports.context import Context
from compose_bluegreen.steps import analysis
from compose_bluegreen.steps import rollout as acts
from compose_bluegreen.steps.rollout import Move
from compose_bluegreen.steps.saga import Step, Undo
from compose_bluegreen.steps.source import Terms


@dataclass(slots=True)
class Canary:
    """Of those that have a live colour to share with; the others wait for the switch.

    In a set each takes its own steps beside the others, and stays at its last one.
    """

    ways: Mapping[str, tuple[Move, tuple[Stage, ...]]]
    ctx: Context
    _promoted: bool = False

    @classmethod
    def of(cls, moves: Sequence[Move], terms: Terms, ctx: Context) -> Canary:
        ways = {one.service: (one, stages) for one in moves if (stages := _stages(one, terms))}
        return cls(ways, ctx)

    @property
    def begins(self) -> bool:
        """Whether traffic moves before the switch does."""
        return bool(self.ways)

    def steps(self) -> Iterator[Step]:
        moves = [move for move, _ in self.ways.values()]
        for number in range(max((len(stages) for _, stages in self.ways.values()), default=0)):
            if self._promoted:
                return
            shares = {one.service: self._share(one, number) for one in moves}
            time = self._time(number)
            yield Step(
                f"send {' and '.join(f'{shares[one.service]} to {one.name}' for one in moves)}",
                f"canary, for {durations.show(time)}",
                partial(self._act, shares, time),
                None
                if number
                else Undo("send all back", partial(acts.switch_back, moves, self.ctx)),
                enters=None if number else State.SWITCHING,
            )

    def _share(self, move: Move, number: int) -> Share:
        _, stages = self.ways[move.service]
        now = stages[min(number, len(stages) - 1)]
        return Share(now.parts, restored(move.release.settings).canary.sticky)

    def _time(self, number: int) -> timedelta:
        return max(stages[number].time for _, stages in self.ways.values() if number < len(stages))

    def _act(self, shares: Mapping[str, Share], time: timedelta) -> str:
        """All shares move in one act; what is counted is counted from before it."""
        watches = [analysis.Watch.begun(move, time, self.ctx) for move, _ in self.ways.values()]
        self.ctx.proxy.share(shares)
        passed = analysis.watch(watches, self.ctx)
        self._promoted = bool(passed.promoted_by)
        return passed.told


def _stages(move: Move, terms: Terms) -> tuple[Stage, ...]:
    if move.live is None or works_unasked(move.release):
        return ()
    own = restored(move.release.settings).canary.stages
    return own if terms.canary is None else terms.canary
