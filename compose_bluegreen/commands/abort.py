"""``abort``: the deployment that is unfinished or waits is taken away; what served before serves."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from compose_bluegreen.deployment import pending
from compose_bluegreen.deployment.interrupted import (
    InterruptedDeployment,
    RecoveryAction,
    interrupted_deployments,
    live_part,
    why_unhealthy,
)
from compose_bluegreen.deployment.latest import latest_interrupted
from compose_bluegreen.deployment.recovery import PATIENCE, discard_colours, end_canaries, settle
from compose_bluegreen.deployment.remote_control import send_and_wait
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.deployment import DeployedService, Deployment
from compose_bluegreen.domain.errors import BluegreenError, Interrupted, LockLost, NeedsPerson
from compose_bluegreen.domain.hints import Action, Hint
from compose_bluegreen.domain.release import is_stop_first
from compose_bluegreen.domain.states import State
from compose_bluegreen.domain.step_keys import StepKey, StepKind
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.lock import ControlSignal, LockOwner
from compose_bluegreen.steps import hooks, locking
from compose_bluegreen.steps import rollout as acts
from compose_bluegreen.steps.rollout import Rollout
from compose_bluegreen.steps.saga import Act, Saga, Step
from compose_bluegreen.steps.source import DeployOptions


def abort(ctx: Context) -> Deployment | None:
    """Raises BluegreenError where nothing is unfinished, NeedsPerson where nothing else is well:
    then what has the traffic keeps it, and the next deployment is free to replace it. Where
    somebody's command watches a release just now, that takes it back."""
    if told := send_and_wait(ControlSignal.ABORT, ctx.caller.actor, ctx):
        return _by_its_own_command(told)
    owner = LockOwner(ctx.caller.actor, "abort", ctx.clock.now())
    with locking.until_alone(owner, None, ctx):
        end_canaries(ctx)
        waits = pending.pending_deployment(ctx)
        if waits and not interrupted_deployments(ctx):
            return _no_longer_wait(waits, ctx)
        found = latest_interrupted(ctx)
        if found.reading is RecoveryAction.GAP:
            settle(ctx)
            return ctx.history.get(found.deployment.id)
        hooks.clear(ctx)
        back = _way_back(found, ctx)
        if back:
            rollouts = [rollout for rollout in found.rollouts if rollout.service in back]
            act = partial(_route_back, rollouts, back, ctx)
            key = StepKey(StepKind.SWITCH_BACK)
            Saga(found.deployment, ctx).run(Step(key, "switch back", "abort", act))
        discard_colours(found, ctx)
        reason = f"aborted by {ctx.caller.actor}; it had {found.stopped}"
        ctx.history.to(found.deployment.id, State.INTERRUPTED, ctx.clock.now(), reason)
        return ctx.history.get(found.deployment.id)


def _by_its_own_command(told: Deployment) -> Deployment:
    if told.state is State.LIVE:
        raise BluegreenError(
            f"deployment {told.id} was live before it heard of it",
            hint=Hint(Action.ROLLBACK),
        )
    return told


def _no_longer_wait(waits: Deployment, ctx: Context) -> Deployment | None:
    """Nobody but who may preview it has ever met it."""
    rollouts = tuple(pending.rollouts_of(waits, ctx))
    discard_colours(InterruptedDeployment(waits, RecoveryAction.UNTOUCHED, "", rollouts), ctx)
    pending.forget_images(waits, (), ctx)
    reason = (
        f"aborted by {ctx.caller.actor}; it had waited since {waits.held_since:%Y-%m-%d %H:%M} UTC"
    )
    ctx.history.to(waits.id, State.INTERRUPTED, ctx.clock.now(), reason)
    return ctx.history.get(waits.id)


def _way_back(found: InterruptedDeployment, ctx: Context) -> dict[str, Colour | None]:
    """For each service whose traffic it has, where that goes: to what history has as live, which is
    well or can be made so; nowhere, where nothing was live before."""
    routes, back = ctx.proxy.routes(), dict[str, Colour | None]()
    for part in found.deployment.parts:
        if routes.get(part.service) is part.colour:
            old = live_part(part, ctx)
            back[part.service] = old.colour if old else None
            if old and not is_stop_first(old.release) and why_unhealthy(old, PATIENCE, ctx):
                _start_again(old, found, ctx)
    return back


def _start_again(old: DeployedService, found: InterruptedDeployment, ctx: Context) -> None:
    """Its colour has no traffic, so it can be started anew from what history has of it."""
    deployment = found.deployment
    record = ctx.live_deployment(old.service)
    rollout, saga = Rollout(old.release, old.colour.other, old.colour), Saga(deployment, ctx)
    start = partial(
        acts.start, [rollout], DeployOptions(), record.id if record else deployment.id, ctx
    )
    prove = partial(acts.until_healthy, rollout, DeployOptions(), ctx)
    try:
        for step in _restoring(rollout, start, prove):
            saga.run(step)
    except (Interrupted, LockLost):
        raise
    except BluegreenError as error:
        reason = f"aborted, but {rollout.name} can't be brought back: {error.message}"
        ctx.history.to(deployment.id, State.FAILED, ctx.clock.now(), reason)
        raise NeedsPerson(
            f"{rollout.name}, which served before, can't be brought back: {error.message};"
            f" {found.serves} on",
            detail=error.detail,
            hint=Hint(Action.UP, " with a version that is well"),
        ) from error


def _restoring(rollout: Rollout, start: Act, prove: Act) -> Iterator[Step]:
    yield Step(
        StepKey.of(StepKind.RESTORE, "start", rollout.service),
        f"start {rollout.name}",
        "it served before, and isn't well",
        start,
    )
    yield Step(
        StepKey.of(StepKind.RESTORE, "health", rollout.service),
        f"wait until {rollout.name} is healthy",
        "nothing unproven gets traffic",
        prove,
    )


def _route_back(rollouts: list[Rollout], back: dict[str, Colour | None], ctx: Context) -> str:
    ctx.proxy.route_to(back)
    return acts.drain_all([(rollout, rollout.idle) for rollout in rollouts], ctx)
