"""Canary: before the switch, requests move to the new colour in stages; each stage has an analysis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from compose_bluegreen.config.canary_stages import Stage
from compose_bluegreen.config.settings_reader import restored
from compose_bluegreen.domain import durations
from compose_bluegreen.domain.release import is_worker
from compose_bluegreen.domain.states import State
from compose_bluegreen.domain.step_keys import StepKey, StepKind
from compose_bluegreen.domain.topology import CanaryWeight
from compose_bluegreen.ports.context import Context
from compose_bluegreen.steps import analysis
from compose_bluegreen.steps import rollout as acts
from compose_bluegreen.steps.rollout import Rollout
from compose_bluegreen.steps.saga import Step, Undo
from compose_bluegreen.steps.source import DeployOptions
from compose_bluegreen.steps.switch import switch_back


@dataclass(slots=True)
class Canary:
    """For services with a live colour; the other services wait for the switch.

    With several services, each follows its own stages, and stays at its last stage.
    """

    staged: Mapping[str, tuple[Rollout, tuple[Stage, ...]]]
    ctx: Context
    _promoted: bool = False

    @classmethod
    def of(cls, rollouts: Sequence[Rollout], options: DeployOptions, ctx: Context) -> Canary:
        staged = {
            rollout.service: (rollout, stages)
            for rollout in rollouts
            if (stages := _stages(rollout, options))
        }
        return cls(staged, ctx)

    @property
    def begins(self) -> bool:
        """Whether any requests move before the switch."""
        return bool(self.staged)

    def steps(self) -> Iterator[Step]:
        rollouts = [rollout for rollout, _ in self.staged.values()]
        for number in range(max((len(stages) for _, stages in self.staged.values()), default=0)):
            canary_weights = {
                rollout.service: self._weight(rollout, number) for rollout in rollouts
            }
            sent = " and ".join(
                f"{canary_weights[rollout.service]} to {rollout.name}" for rollout in rollouts
            )
            time = self._time(number)
            yield Step(
                StepKey.of(StepKind.CANARY, number + 1),
                f"send {sent}",
                f"canary, for {durations.show(time)}",
                partial(self._act, canary_weights, time),
                None
                if number
                else Undo(
                    "send all requests to the live colour", partial(switch_back, rollouts, self.ctx)
                ),
                enters=None if number else State.SWITCHING,
                services=acts.services(rollouts),
                skip=self._is_promoted,
            )

    def _is_promoted(self) -> bool:
        """Whether a user ended the canary early: then its later stages are skipped."""
        return self._promoted

    def _weight(self, rollout: Rollout, number: int) -> CanaryWeight:
        _, stages = self.staged[rollout.service]
        now = stages[min(number, len(stages) - 1)]
        return CanaryWeight(now.parts, restored(rollout.release.settings).canary.sticky)

    def _time(self, number: int) -> timedelta:
        return max(
            stages[number].time for _, stages in self.staged.values() if number < len(stages)
        )

    def _act(self, canary_weights: Mapping[str, CanaryWeight], time: timedelta) -> str:
        """Sets all weights in one act. Counting begins before it."""
        watches = [
            analysis.Analysis.begun(rollout, time, self.ctx) for rollout, _ in self.staged.values()
        ]
        self.ctx.proxy.set_canary_weights(canary_weights)
        passed = analysis.analyse(watches, self.ctx)
        self._promoted = bool(passed.promoted_by)
        return passed.summary


def _stages(rollout: Rollout, options: DeployOptions) -> tuple[Stage, ...]:
    if rollout.live is None or is_worker(rollout.release):
        return ()
    stages = restored(rollout.release.settings).canary.stages
    return stages if options.canary is None else options.canary
