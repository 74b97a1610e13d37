"""Bake: after the switch, an analysis watches the new colour while the old one is still running."""

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
    """For services with a previous version. A first release has none, so it does not bake."""

    rollouts: Sequence[Rollout]
    ctx: Context
    _watches: list[analysis.Analysis] = field(default_factory=list)

    @classmethod
    def of(cls, rollouts: Sequence[Rollout], ctx: Context) -> Bake:
        return cls(
            [
                rollout
                for rollout in rollouts
                if _time(rollout) and (rollout.live or rollout.existing_containers)
            ],
            ctx,
        )

    def begin(self) -> None:
        """Must be called right before the switch, so that the first request is counted."""
        self._watches = [
            analysis.Analysis.begun(rollout, _time(rollout), self.ctx) for rollout in self.rollouts
        ]

    def steps(self) -> Iterator[Step]:
        if self.rollouts:
            names = named(self.rollouts)
            time = durations.show(max(_time(rollout) for rollout in self.rollouts))
            cause = f"for {time}, while the previous version is still running"
            key, about = StepKey(StepKind.BAKE), services(self.rollouts)
            yield Step(key, f"bake {names}", cause, self._watch, services=about)

    def _watch(self) -> str:
        return analysis.analyse(self._watches, self.ctx).summary


def _time(rollout: Rollout) -> timedelta:
    return restored(rollout.release.settings).bake.time
