"""``down``: removes the colours and the proxy, and keeps history and the user's own project."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from compose_bluegreen.deployment.interrupted import interrupted_deployments, record_end
from compose_bluegreen.domain.errors import BluegreenError
from compose_bluegreen.domain.hints import Action, Hint
from compose_bluegreen.domain.names import companion
from compose_bluegreen.domain.states import State
from compose_bluegreen.domain.step_keys import StepKey, StepKind
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.lock import LockOwner
from compose_bluegreen.steps import hooks
from compose_bluegreen.steps.locking import alone
from compose_bluegreen.steps.saga import Step, run_step


def down(ctx: Context, patience: timedelta | None = None) -> None:
    """Raises BluegreenError if there is nothing to remove, LockHeld during a deployment.

    A ``down`` that was killed can be repeated: it removes what is still left.
    """
    if not _anything_is_left(ctx):
        raise BluegreenError(
            f"compose-bluegreen runs nothing for {ctx.project}", hint=Hint(Action.UP, " starts it")
        )
    with alone(LockOwner(ctx.caller.actor, "down", ctx.clock.now()), patience, ctx):
        if any(ctx.proxy.routes().values()):
            ctx.observer.remark("the live colours stop receiving requests now")
        key, name = StepKey(StepKind.DOWN), f"remove {companion(ctx.project)}"
        run_step(Step(key, name, "down", partial(_remove, ctx)), ctx)


def _anything_is_left(ctx: Context) -> bool:
    if ctx.proxy.topology() is not None or ctx.colour_containers():
        return True
    if ctx.engine.proxy_container(ctx.project):
        return True
    return any(
        deployment.engine == ctx.engine_id and deployment.state is State.LIVE
        for deployment in ctx.history.newest(ctx.project)
    )


def _remove(ctx: Context) -> None:
    hooks.clear(ctx)
    # By their labels: a project of the user's may have the name of the companion project.
    ctx.workloads.remove(ctx.colour_containers())
    _record(ctx)
    ctx.proxy.remove()


def _record(ctx: Context) -> None:
    """Before the proxy is removed: the lock ends with it, and then another command may already record
    a new release."""
    now = ctx.clock.now()
    for deployment in interrupted_deployments(ctx):
        ended = State.REMOVED if deployment.state is State.STUCK else State.INTERRUPTED
        record_end(deployment, ended, "down removed its containers", ctx)
    for deployment in ctx.history.waiting(ctx.ref):
        ctx.history.to(
            deployment.id, State.INTERRUPTED, now, "down removed it while it was waiting"
        )
    ctx.history.removed(ctx.ref, now)
