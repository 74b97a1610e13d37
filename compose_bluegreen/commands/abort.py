"""``abort``: cancels an interrupted or waiting deployment; the previous version stays live."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from compose_bluegreen.deployment import pending
from compose_bluegreen.deployment.interrupted import (
    InterruptedDeployment,
    RecoveryAction,
    interrupted_deployments,
    live_part,
    record_end,
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
    """Returns the deployment that was aborted.

    If another command is running a canary or a bake, that command receives the signal and undoes its
    deployment. Raises BluegreenError if no deployment is interrupted or waiting. Raises NeedsPerson if
    the previous version can't become healthy: then the aborted release keeps its traffic, and the next
    deployment may replace it.
    """
    if ended := send_and_wait(ControlSignal.ABORT, ctx.caller.actor, ctx):
        return _by_its_own_command(ended)
    owner = LockOwner(ctx.caller.actor, "abort", ctx.clock.now())
    with locking.until_alone(owner, None, ctx):
        end_canaries(ctx)
        waits = pending.pending_deployment(ctx)
        if waits and not interrupted_deployments(ctx):
            return _no_longer_wait(waits, ctx)
        interrupted = latest_interrupted(ctx)
        if interrupted.reading is RecoveryAction.GAP:
            settle(ctx)
            return ctx.history.get(interrupted.deployment.id)
        hooks.clear(ctx)
        back = _way_back(interrupted, ctx)
        if back:
            rollouts = [rollout for rollout in interrupted.rollouts if rollout.service in back]
            act = partial(_route_back, rollouts, back, ctx)
            key = StepKey(StepKind.SWITCH_BACK)
            Saga(interrupted.deployment, ctx).run(Step(key, "switch back", "abort", act))
        discard_colours(interrupted, ctx)
        reason = f"aborted by {ctx.caller.actor}; it had {interrupted.stopped}"
        record_end(interrupted.deployment, State.INTERRUPTED, reason, ctx)
        return ctx.history.get(interrupted.deployment.id)


def _by_its_own_command(ended: Deployment) -> Deployment:
    if ended.state is State.LIVE:
        raise BluegreenError(
            f"deployment {ended.id} went live before it received the abort request",
            hint=Hint(Action.ROLLBACK),
        )
    return ended


def _no_longer_wait(waits: Deployment, ctx: Context) -> Deployment | None:
    """It never received requests, except from preview users."""
    rollouts = tuple(pending.rollouts_of(waits, ctx))
    discard_colours(InterruptedDeployment(waits, RecoveryAction.UNTOUCHED, "", rollouts), ctx)
    pending.forget_images(waits, (), ctx)
    reason = (
        f"aborted by {ctx.caller.actor}; it was waiting since {waits.held_since:%Y-%m-%d %H:%M} UTC"
    )
    ctx.history.to(waits.id, State.INTERRUPTED, ctx.clock.now(), reason)
    return ctx.history.get(waits.id)


def _way_back(interrupted: InterruptedDeployment, ctx: Context) -> dict[str, Colour | None]:
    """For each service that the deployment is live for: the colour to switch back to.

    That is the colour that history records as live; it is started again if it is not healthy. None if
    no colour was live before.
    """
    routes, back = ctx.proxy.routes(), dict[str, Colour | None]()
    for part in interrupted.deployment.parts:
        if routes.get(part.service) is part.colour:
            old = live_part(part, ctx)
            back[part.service] = old.colour if old else None
            if old and not is_stop_first(old.release) and why_unhealthy(old, PATIENCE, ctx):
                _start_again(old, interrupted, ctx)
    return back


def _start_again(old: DeployedService, interrupted: InterruptedDeployment, ctx: Context) -> None:
    """Starts the previous colour again, from its release in history. It receives no requests now."""
    deployment = interrupted.deployment
    record = ctx.live_deployment(old.service)
    rollout, saga = Rollout(old.release, old.colour.other, old.colour), Saga(deployment, ctx)
    start = partial(
        acts.start, [rollout], DeployOptions(), record.id if record else deployment.id, ctx
    )
    check = partial(acts.until_healthy, rollout, DeployOptions(), ctx)
    try:
        for step in _restoring(rollout, start, check):
            saga.run(step)
    except (Interrupted, LockLost):
        raise
    except BluegreenError as error:
        reason = f"aborted, but {rollout.name} can't be started again: {error.message}"
        ctx.history.to(deployment.id, State.FAILED, ctx.clock.now(), reason)
        raise NeedsPerson(
            f"the previous version, {rollout.name}, can't be started again: {error.message};"
            f" {interrupted.serves}",
            detail=error.detail,
            hint=Hint(Action.UP, " with a healthy version"),
        ) from error


def _restoring(rollout: Rollout, start: Act, check: Act) -> Iterator[Step]:
    yield Step(
        StepKey.of(StepKind.RESTORE, "start", rollout.service),
        f"start {rollout.name}",
        "it was live before, and is not healthy now",
        start,
    )
    yield Step(
        StepKey.of(StepKind.RESTORE, "health", rollout.service),
        f"wait until {rollout.name} is healthy",
        "only healthy colours receive requests",
        check,
    )


def _route_back(rollouts: list[Rollout], back: dict[str, Colour | None], ctx: Context) -> str:
    ctx.proxy.route_to(back)
    return acts.drain_all([(rollout, rollout.idle) for rollout in rollouts], ctx)
