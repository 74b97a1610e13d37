"""Recovery: the next command that holds the lock settles what a killed command left."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from compose_bluegreen.deployment import pending
from compose_bluegreen.deployment.interrupted import (
    InterruptedDeployment,
    RecoveryAction,
    inspect_interrupted,
    interrupted_deployments,
    record_end,
    why_unhealthy,
)
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import BluegreenError, Interrupted, LockLost
from compose_bluegreen.domain.release import built_here
from compose_bluegreen.domain.states import State
from compose_bluegreen.domain.step_keys import StepKey, StepKind
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.lock import LockOwner
from compose_bluegreen.steps import hooks, images, locking, proxy_changes, standby, stop_first
from compose_bluegreen.steps.cleanup import cleanup, leftover
from compose_bluegreen.steps.desired_topology import reached
from compose_bluegreen.steps.rollout import Rollout
from compose_bluegreen.steps.saga import Saga, Step
from compose_bluegreen.steps.switch import switch_back

PATIENCE = timedelta(seconds=5)
"""How long a colour that was healthy before may take to be healthy again."""


def settle_first(owner: LockOwner, patience: timedelta | None, ctx: Context) -> None:
    """Settles interrupted deployments before a command plans, because the plan depends on the result."""
    if interrupted_deployments(ctx) and locking.proxy_runs(ctx):
        with locking.until_alone(owner, patience, ctx):
            settle(ctx)


def settle(ctx: Context) -> None:
    """Recovers each interrupted deployment; the proxy's routes show how far it came.

    While this command holds the lock, an unfinished deployment can only be one that was killed. Raises
    NeedsPerson if more than one action may be right.
    """
    end_canaries(ctx)
    for deployment in interrupted_deployments(ctx):
        interrupted = inspect_interrupted(deployment, PATIENCE, ctx)
        if interrupted.reading is RecoveryAction.UNCLEAR:
            raise interrupted.as_needs_person()
        _RECOVERIES[interrupted.reading](interrupted, ctx)
    hooks.clear(ctx)
    _forget_unreachable_routes(ctx)
    _clean_up(ctx)


def end_canaries(ctx: Context) -> None:
    """Ends canaries whose command was killed: the live colour receives all requests again."""
    canary_weights, routes = ctx.proxy.canary_weights(), ctx.proxy.routes()
    back = {name: colour for name in canary_weights if (colour := routes.get(name))}
    if back:
        ctx.proxy.route_to(back)
        for name, colour in back.items():
            ctx.observer.remark(f"{name}-{colour} receives all requests of {name} again")


def discard_colours(interrupted: InterruptedDeployment, ctx: Context) -> None:
    """Removes its colours, which receive no requests, and points the tags of its builds at the live images."""
    saga = Saga(interrupted.deployment, ctx)
    for rollout in interrupted.rollouts:
        # On standby are colours that it had not removed yet, or that it used.
        if standby.is_leftover(rollout, ctx):
            saga.run(leftover(rollout, "its deployment did not finish", ctx))
        if built_here(rollout.release):
            point = partial(images.point_at_live, rollout.release, ctx)
            name = rollout.release.image.reference
            key = StepKey.of(StepKind.IMAGE, "point", rollout.service)
            saga.attempt(
                Step(key, f"point {name} at the live image", "its deployment did not finish", point)
            )

    for step in stop_first.restart_old(interrupted.rollouts, ctx):
        saga.run(step)


def keep(interrupted: InterruptedDeployment, ctx: Context) -> None:
    """Its colours are live and healthy: records it as live and cleans up, as after any switch."""
    saga = Saga(interrupted.deployment, ctx)
    saga.promote()
    owed = hooks.missed_on_rollback(interrupted.deployment, interrupted.rollouts, ctx)
    for steps in cleanup(interrupted.rollouts, ctx, owed):
        all(saga.attempt(step) for step in steps)


def _discard(interrupted: InterruptedDeployment, ctx: Context) -> None:
    routes = ctx.proxy.routes()
    unreachable = {m.service: None for m in interrupted.rollouts if routes.get(m.service) is m.idle}
    if unreachable:
        ctx.proxy.route_to(unreachable)
    discard_colours(interrupted, ctx)
    _end(interrupted, "the previous version is still live", ctx)


def _keep(interrupted: InterruptedDeployment, ctx: Context) -> None:
    keep(interrupted, ctx)
    missed = " and ".join(hooks.unfinished_hooks(interrupted.deployment))
    unfinished = f"; {missed} did not finish" if missed else ""
    ctx.observer.remark(f"{interrupted.summary}: its release stays live{unfinished}")


def _switch_back(interrupted: InterruptedDeployment, ctx: Context) -> None:
    saga = Saga(interrupted.deployment, ctx)
    cause = "it was being undone or is unhealthy, and the old colour is healthy"
    back = partial(switch_back, interrupted.rollouts, ctx)
    saga.run(Step(StepKey(StepKind.SWITCH_BACK), "switch back", cause, back))
    discard_colours(interrupted, ctx)
    _end(interrupted, "the previous version is live again", ctx)


def _return_ports(interrupted: InterruptedDeployment, ctx: Context) -> None:
    topology = ctx.proxy.topology()
    names = proxy_changes.names(interrupted.existing)
    if topology:
        before = topology.without_published(rollout.service for rollout in interrupted.rollouts)
        return_ports = partial(proxy_changes.give_back, interrupted.existing, before, ctx)
        key = StepKey(StepKind.GIVE_BACK)
        Saga(interrupted.deployment, ctx).run(
            Step(key, f"return the ports to {names}", "no container answers requests", return_ports)
        )
    ctx.proxy.route_to({rollout.service: None for rollout in interrupted.rollouts})
    discard_colours(interrupted, ctx)
    _end(interrupted, f"{names} is live again", ctx)


_RECOVERIES = {
    RecoveryAction.UNTOUCHED: _discard,
    RecoveryAction.ARRIVED: _keep,
    RecoveryAction.REVERTS: _switch_back,
    RecoveryAction.GAP: _return_ports,
}


def _end(interrupted: InterruptedDeployment, now: str, ctx: Context) -> None:
    reason = f"{interrupted.stopped}; {now}"
    record_end(interrupted.deployment, State.INTERRUPTED, reason, ctx)
    ctx.observer.remark(f"{interrupted.summary}; {now}")


def _forget_unreachable_routes(ctx: Context) -> None:
    """Ends routes of a deployment that was killed before its take-over: the user's own container is still
    live."""
    routes = ctx.proxy.routes()
    live = reached(routes, ctx.proxy.topology())
    lost = {name: None for name, colour in routes.items() if colour and name not in live}
    if lost:
        ctx.proxy.route_to(lost)


# ── without a record in history ──────────────────────────────────────────────────────────────


def _clean_up(ctx: Context) -> None:
    """Routes each service to its healthy colour, and removes leftovers."""
    routes, topology = ctx.proxy.routes(), ctx.proxy.topology()
    existing = {
        (container.service, container.colour) for container in ctx.colour_containers()
    } - pending.colours(ctx)
    for route in topology.routes if topology else ():
        service, live = route.service, routes.get(route.service)
        if live is None and route.reachable and any(name == service for name, _ in existing):
            _route_to_healthy(service, ctx)
        elif live and (service, live.other) in existing:
            _remove_leftover(service, live, ctx)


def _route_to_healthy(service: str, ctx: Context) -> None:
    part = ctx.live_part(service)
    if part and not why_unhealthy(part, PATIENCE, ctx):
        ctx.proxy.route_to({service: part.colour})
        ctx.observer.remark(
            f"{service} had no live colour: {service}-{part.colour}, which is healthy, is live again"
        )


def _remove_leftover(service: str, live: Colour, ctx: Context) -> None:
    """Of a deployment that was killed after its switch, or that failed to remove its old colour."""
    record = ctx.live_deployment(service)
    part = record.part(service) if record else None
    if record is None or part is None or part.colour is not live:
        return
    if standby.intended_standby(record, service, ctx.colour_containers(service, live.other)):
        return
    rollout = Rollout(part.release, live, live.other)
    try:
        Saga(record, ctx).run(leftover(rollout, "it was left over", ctx))
    except (Interrupted, LockLost):
        raise
    except BluegreenError as error:
        ctx.observer.remark(f"warning: {rollout.name} was not removed: {error.message}")
