"""Workers that must never run twice: the old one is removed right before the new one starts.

The old one is not only stopped, because a restart of the Docker daemon would start it again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from compose_bluegreen.domain.errors import NeedsPerson
from compose_bluegreen.domain.hints import Action, Command, Flag, Hint
from compose_bluegreen.domain.states import State
from compose_bluegreen.domain.step_keys import StepKey, StepKind
from compose_bluegreen.ports.context import Context
from compose_bluegreen.steps import rollout as acts
from compose_bluegreen.steps.rollout import Rollout
from compose_bluegreen.steps.saga import Step, Undo
from compose_bluegreen.steps.source import DeployOptions


def replace_workers(
    rollouts: Sequence[Rollout], deployment: int, options: DeployOptions, ctx: Context
) -> Iterator[Step]:
    """The steps between the health check of the other services and the switch."""
    late = [rollout for rollout in rollouts if rollout.stop_first]
    if not late:
        return
    cause, names = "order: stop-first", acts.named(late)
    begins = State.STARTING if len(late) == len(rollouts) else None
    if old := [rollout for rollout in late if rollout.live]:
        old_names = _old(old)
        back = Undo(f"start {old_names} again", partial(bring_back, old, ctx))
        act = partial(_remove_old, old, ctx)
        about = acts.services(old)
        yield Step(
            _key("stop"), f"stop {old_names}", cause, act, back, enters=begins, services=about
        )
        begins = None
    yield Step(
        _key("start"),
        f"start {names}",
        cause,
        partial(acts.start, late, options, deployment, ctx),
        # This undo can't wait: the next undo starts the old worker.
        Undo(f"remove {names}", partial(acts.remove_idle, late, ctx)),
        enters=begins,
        services=acts.services(late),
    )
    yield Step(
        _key("health"),
        f"wait until {names} {acts.are(late)} healthy",
        "an unhealthy worker is removed again",
        partial(acts.all_healthy, late, options, ctx),
        services=acts.services(late),
    )


def missing_old(rollouts: Sequence[Rollout], ctx: Context) -> list[Rollout]:
    """Rollouts whose old worker was removed by a deployment that did not finish."""
    return [
        rollout
        for rollout in rollouts
        if rollout.stop_first and rollout.live and not _old_is_running(rollout, ctx)
    ]


def bring_back(rollouts: Sequence[Rollout], ctx: Context) -> None:
    """Starts the old worker again from its release in history. Raises NeedsPerson if history lacks it."""
    for rollout in rollouts:
        if rollout.live is None or _old_is_running(rollout, ctx):
            continue
        live = ctx.live_colour(rollout.service)
        if live is None or live.colour is not rollout.live:
            raise NeedsPerson(
                f"history has no release of {rollout.service}-{rollout.live}",
                hint=Hint(Command(Action.UP, flags=(Flag.FORCE,))),
            )
        ctx.workloads.start_colours([live])


def restart_old(rollouts: Sequence[Rollout], ctx: Context) -> Iterator[Step]:
    """One step, if any old worker must start again."""
    if old := missing_old(rollouts, ctx):
        yield Step(
            _key("restore"),
            f"start {_old(old)} again",
            "it was removed, and no other worker is running",
            partial(bring_back, old, ctx),
            services=acts.services(old),
        )


def _remove_old(rollouts: Sequence[Rollout], ctx: Context) -> None:
    old = [
        container
        for rollout in rollouts
        if rollout.live
        for container in acts.containers(rollout, rollout.live, ctx)
    ]
    if old:
        ctx.workloads.remove(old)


def _old_is_running(rollout: Rollout, ctx: Context) -> bool:
    containers = acts.containers(rollout, rollout.live, ctx) if rollout.live else ()
    return any(container.running for container in containers)


def _key(detail: str) -> StepKey:
    return StepKey(StepKind.STOP_FIRST, detail)


def _old(rollouts: Sequence[Rollout]) -> str:
    return acts.colour_names([(rollout, rollout.live) for rollout in rollouts if rollout.live])
