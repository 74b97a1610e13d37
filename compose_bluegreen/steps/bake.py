"""Bake: once it has the traffic, the new colour is watched while the old one is still warm."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from compose_bluegreen.config.settings_reader import restored
from compose_bluegreen.domain import durations
from compose_bluegreen.domain.step_keys import StepKey, StepKind
from compose_bluegreen.ports.context import Context
from compose_bluegreen.steps import analysis
from compose_bluegreen.steps.rollout import Rollout, named, services
from compose_bluegreen.steps.saga import Step


@dataclass(slots=True)
class Bake:
    """Of those that have something to go back to: a first release has nothing."""

    rollouts: Sequence[Rollout]
    ctx: Context
    _watches: list[analysis.Analysis] = field(default_factory=list)

    @classmethod
    def of(cls, rollouts: Sequence[Rollout], ctx: Context) -> Bake:
        return cls(
            [one for one in rollouts if _time(one) and (one.live or one.existing_containers)], ctx
        )

    def begin(self) -> None:
        """Called right before the switch: what is counted is counted from the first request on."""
        self._watches = [
            analysis.Analysis.begun(one, _time(one), self.ctx) for one in self.rollouts
        ]

    def steps(self) -> Iterator[Step]:
        if self.rollouts:
            names = named(self.rollouts)
            time = durations.show(max(_time(one) for one in self.rollouts))
            cause = f"for {time}, while what served before is still there"
            key, about = StepKey(StepKind.BAKE), services(self.rollouts)
            yield Step(key, f"bake {names}", cause, self._watch, services=about)

    def _watch(self) -> str:
        return analysis.analyse(self._watches, self.ctx).told


def _time(rollout: Rollout) -> timedelta:
    return restored(rollout.release.settings).bake.time
