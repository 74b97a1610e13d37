"""What a killed process left behind, settled by the next one that holds the lock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from compose_bluegreen.deployment import pending
from compose_bluegreen.deployment.interrupted import (
    InterruptedDeployment,
    RecoveryAction,
    inspect_interrupted,
    interrupted_deployments,
    why_unhealthy,
)
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import BluegreenError, Interrupted, LockLost
from compose_bluegreen.domain.release import built_here
from compose_bluegreen.domain.states import State
from compose_bluegreen.domain.step_keys import StepKey, StepKind
from compose_bluegreen.domain.topology import Change
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.engine import Container
from compose_bluegreen.ports.lock import LockOwner
from compose_bluegreen.steps import hooks, images, locking, proxy_changes, standby, stop_first
from compose_bluegreen.steps import rollout as acts
from compose_bluegreen.steps.cleanup import cleanup, leftover
from compose_bluegreen.steps.desired_topology import reached
from compose_bluegreen.steps.rollout import Rollout
from compose_bluegreen.steps.saga import Saga, Step
from compose_bluegreen.steps.switch import switch_back

PATIENCE = timedelta(seconds=5)
"""How long a colour that has been proven before may take to be seen well again."""


def settle_first(owner: LockOwner, patience: timedelta | None, ctx: Context) -> None:
    """Before a command plans: what it would plan from may not be true yet."""
    if interrupted_deployments(ctx) and _proxy_runs(ctx):
        with locking.until_alone(owner, patience, ctx):
            settle(ctx)


def settle(ctx: Context) -> None:
    """An unfinished deployment under a free lock was killed; the proxy says how far it got.

    Raises NeedsPerson where more than one thing may be right.
    """
    end_canaries(ctx)
    for deployment in interrupted_deployments(ctx):
        found = inspect_interrupted(deployment, PATIENCE, ctx)
        if found.reading is RecoveryAction.UNCLEAR:
            raise found.as_needs_person()
        _REPAIRS[found.reading](found, ctx)
    hooks.clear(ctx)
    _forget_routes_that_nobody_reaches(ctx)
    _clear_up(ctx)


def end_canaries(ctx: Context) -> None:
    """A canary whose command is no more: nobody watches it. What is live gets everything again."""
    canary_weights, routes = ctx.proxy.canary_weights(), ctx.proxy.routes()
    back = {name: colour for name in canary_weights if (colour := routes.get(name))}
    if back:
        ctx.proxy.route_to(back)
        for name, colour in back.items():
            ctx.observer.remark(f"{name}-{colour} has all the traffic of {name} again")


def _proxy_runs(ctx: Context) -> bool:
    topology = ctx.proxy.topology()
    if topology is None:
        return False
    return ctx.proxy.change_to(topology) not in (Change.CREATE, Change.START)


def discard_colours(found: InterruptedDeployment, ctx: Context) -> None:
    """Its colours, which have no traffic, and the name of its build."""
    saga = Saga(found.deployment, ctx)
    for rollout in found.rollouts:
        there = acts.containers(rollout, rollout.idle, ctx)
        if there and not _stands_by(rollout, there, ctx):
            saga.run(leftover(rollout, "it was never finished", ctx))
        if built_here(rollout.release):
            point = partial(images.point_at_what_serves, rollout.release, ctx)
            name = rollout.release.image.reference
            key = StepKey.of(StepKind.IMAGE, "point", rollout.service)
            saga.attempt(Step(key, f"point {name} at what serves", "it was never finished", point))

    for step in stop_first.restart_old(found.rollouts, ctx):
        saga.run(step)


def _stands_by(rollout: Rollout, there: Sequence[Container], ctx: Context) -> bool:
    """It hadn't come to clear it away, or took it as it was."""
    record = ctx.live_deployment(rollout.service)
    return standby.intended_standby(record, rollout.service, there) is not None


def keep(found: InterruptedDeployment, ctx: Context) -> None:
    """Its colours have the traffic and are well: from here on as after any other switch."""
    saga = Saga(found.deployment, ctx)
    saga.promote()
    owed = hooks.missed_on_rollback(found.deployment, found.rollouts, ctx)
    for steps in cleanup(found.rollouts, ctx, owed):
        all(saga.attempt(step) for step in steps)


def _never_happened(found: InterruptedDeployment, ctx: Context) -> None:
    routes = ctx.proxy.routes()
    proven_only = {m.service: None for m in found.rollouts if routes.get(m.service) is m.idle}
    if proven_only:
        ctx.proxy.route_to(proven_only)
    discard_colours(found, ctx)
    _end(found, "what served before still serves", ctx)


def _happened(found: InterruptedDeployment, ctx: Context) -> None:
    keep(found, ctx)
    missed = " and ".join(hooks.unfinished_hooks(found.deployment))
    told = f"; nobody has seen {missed} end" if missed else ""
    ctx.observer.remark(f"{found.told}: its release is live and stays{told}")


def _goes_back(found: InterruptedDeployment, ctx: Context) -> None:
    saga = Saga(found.deployment, ctx)
    cause = "it was being undone, or is sick, and the old colour is well"
    back = partial(switch_back, found.rollouts, ctx)
    saga.run(Step(StepKey(StepKind.SWITCH_BACK), "switch back", cause, back))
    discard_colours(found, ctx)
    _end(found, "what served before it serves again", ctx)


def _gives_back(found: InterruptedDeployment, ctx: Context) -> None:
    topology = ctx.proxy.topology()
    names = proxy_changes.names(found.existing)
    if topology:
        before = topology.without_published(rollout.service for rollout in found.rollouts)
        give = partial(proxy_changes.give_back, found.existing, before, ctx)
        key = StepKey(StepKind.GIVE_BACK)
        Saga(found.deployment, ctx).run(Step(key, f"give back to {names}", "nobody serves", give))
    ctx.proxy.route_to({rollout.service: None for rollout in found.rollouts})
    discard_colours(found, ctx)
    _end(found, f"{names} serves again", ctx)


_REPAIRS = {
    RecoveryAction.UNTOUCHED: _never_happened,
    RecoveryAction.ARRIVED: _happened,
    RecoveryAction.REVERTS: _goes_back,
    RecoveryAction.GAP: _gives_back,
}


def _end(found: InterruptedDeployment, now: str, ctx: Context) -> None:
    ctx.history.to(
        found.deployment.id, State.INTERRUPTED, ctx.clock.now(), f"{found.stopped}; {now}"
    )
    ctx.observer.remark(f"{found.told}; {now}")


def _forget_routes_that_nobody_reaches(ctx: Context) -> None:
    """Killed before it took over: what the proxy proved, the user's own container still serves."""
    routes = ctx.proxy.routes()
    live = reached(routes, ctx.proxy.topology())
    lost = {name: None for name, colour in routes.items() if colour and name not in live}
    if lost:
        ctx.proxy.route_to(lost)


# ── what no record tells of ──────────────────────────────────────────────────────────────────


def _clear_up(ctx: Context) -> None:
    """Nobody is left without an answer while something proven runs, and nothing beside it."""
    routes, topology = ctx.proxy.routes(), ctx.proxy.topology()
    there = {(one.service, one.colour) for one in ctx.colour_containers()} - pending.colours(ctx)
    for route in topology.routes if topology else ():
        service, live = route.service, routes.get(route.service)
        if live is None and route.reachable and any(name == service for name, _ in there):
            _route_to_what_is_proven(service, ctx)
        elif live and (service, live.other) in there:
            _remove_leftover(service, live, ctx)


def _route_to_what_is_proven(service: str, ctx: Context) -> None:
    part = ctx.live_part(service)
    if part and not why_unhealthy(part, PATIENCE, ctx):
        ctx.proxy.route_to({service: part.colour})
        ctx.observer.remark(
            f"{service} was routed nowhere: {service}-{part.colour} serves again, which is proven"
        )


def _remove_leftover(service: str, live: Colour, ctx: Context) -> None:
    """A deployment that was killed after its switch, or could not remove it."""
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
        ctx.observer.remark(f"warning: {rollout.name} is left over: {error.message}")
