"""The switch: all services of a deployment get a new live colour in one act, and its undo."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from compose_bluegreen.domain.states import State
from compose_bluegreen.domain.step_keys import StepKey, StepKind
from compose_bluegreen.ports.context import Context
from compose_bluegreen.steps.bake import Bake
from compose_bluegreen.steps.rollout import Rollout, drain_all, named, services
from compose_bluegreen.steps.saga import Step, Undo


def switch(rollouts: Sequence[Rollout], bake: Bake, ctx: Context, *, enters: State | None) -> Step:
    """``bake`` counts from the first request that the new colours receive."""
    return Step(
        StepKey(StepKind.SWITCH),
        f"switch to {named(rollouts)}",
        "it is healthy" if len(rollouts) == 1 else "all are healthy",
        partial(_switch, rollouts, bake, ctx),
        Undo("switch back", partial(switch_back, rollouts, ctx)),
        enters=enters,
        services=services(rollouts),
    )


def _switch(rollouts: Sequence[Rollout], bake: Bake, ctx: Context) -> None:
    bake.begin()
    ctx.proxy.route_to({rollout.service: rollout.idle for rollout in rollouts})


def switch_back(rollouts: Sequence[Rollout], ctx: Context) -> str:
    """Routes to the previous colours, and waits for the in-flight requests of the new ones."""
    ctx.proxy.route_to({rollout.service: rollout.live for rollout in rollouts})
    return drain_all([(rollout, rollout.idle) for rollout in rollouts], ctx)
