"""What a killed process left behind, settled by the next one that holds the lock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from compose_bluegreen.deployment import pending
from compose_bluegreen.deployment.interrupted import Reading, Unfinished, read, sick, unfinished
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import BluegreenError, Interrupted, LockLost
from compose_bluegreen.domain.release import built_here
from compose_bluegreen.domain.states import State
from compose_bluegreen.domain.topology import Change
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.engine import Container
from compose_bluegreen.ports.lock import Holder
from compose_bluegreen.steps import hooks, images, locking, proxy_changes, standby, stop_first
from compose_bluegreen.steps import rollout as acts
from compose_bluegreen.steps.cleanup import aftermath
from compose_bluegreen.steps.desired_topology import reached
from compose_bluegreen.steps.rollout import Move
from compose_bluegreen.steps.saga import Saga, Step

PATIENCE = timedelta(seconds=5)
"""How long a colour that has been proven before may take to be seen well again."""


def settle_first(holder: Holder, patience: timedelta | None, ctx: Context) -> None:
    """Before a command plans: what it would plan from may not be true yet."""
    if unfinished(ctx) and _proxy_runs(ctx):
        with locking.until_alone(holder, patience, ctx):
            settle(ctx)


def settle(ctx: Context) -> None:
    """An unfinished deployment under a free lock was killed; the proxy says how far it got.

    Raises NeedsPerson where more than one thing may be right.
    """
    send_all_back(ctx)
    for deployment in unfinished(ctx):
        found = read(deployment, PATIENCE, ctx)
        if found.reading is Reading.UNCLEAR:
            raise found.for_a_person()
        _REPAIRS[found.reading](found, ctx)
    hooks.clear(ctx)
    _forget_routes_that_nobody_reaches(ctx)
    _clear_up(ctx)


def send_all_back(ctx: Context) -> None:
    """A canary whose command is no more: nobody watches it. What is live gets everything again."""
    shares, routes = ctx.proxy.shares(), ctx.proxy.routes()
    back = {name: colour for name in shares if (colour := routes.get(name))}
    if back:
        ctx.proxy.route_to(back)
        for name, colour in back.items():
            ctx.observer.remark(f"{name}-{colour} has all the traffic of {name} again")


def _proxy_runs(ctx: Context) -> bool:
    topology = ctx.proxy.topology()
    if topology is None:
        return False
    return ctx.proxy.change_to(topology) not in (Change.CREATE, Change.START)


def take_away(found: Unfinished, ctx: Context) -> None:
    """Its colours, which have no traffic, and the name of its build."""
    saga = Saga(found.deployment, ctx)
    for move in found.moves:
        there = acts.containers(move, move.idle, ctx)
        if there and not _stands_by(move, there, ctx):
            remove = partial(acts.clear, move, ctx)
            saga.run(Step(f"remove {move.name}", "it was never finished", remove))
        if built_here(move.release):
            point = partial(images.point_at_what_serves, move.release, ctx)
            name = move.release.image.reference
            saga.attempt(Step(f"point {name} at what serves", "it was never finished", point))

    for step in stop_first.restored(found.moves, ctx):
        saga.run(step)


def _stands_by(move: Move, there: Sequence[Container], ctx: Context) -> bool:
    """It hadn't come to clear it away, or took it as it was."""
    record = ctx.live_deployment(move.service)
    return standby.meant(record, move.service, there) is not None


def keep(found: Unfinished, ctx: Context) -> None:
    """Its colours have the traffic and are well: from here on as after any other switch."""
    saga = Saga(found.deployment, ctx)
    saga.promote()
    owed = hooks.owed(found.deployment, found.moves, ctx)
    for steps in aftermath(found.moves, ctx, owed):
        all(saga.attempt(step) for step in steps)


def _never_happened(found: Unfinished, ctx: Context) -> None:
    routes = ctx.proxy.routes()
    proven_only = {m.service: None for m in found.moves if routes.get(m.service) is m.idle}
    if proven_only:
        ctx.proxy.route_to(proven_only)
    take_away(found, ctx)
    _end(found, "what served before still serves", ctx)


def _happened(found: Unfinished, ctx: Context) -> None:
    keep(found, ctx)
    missed = " and ".join(hooks.missed(found.deployment))
    told = f"; nobody has seen {missed} end" if missed else ""
    ctx.observer.remark(f"{found.told}: its release is live and stays{told}")


def _goes_back(found: Unfinished, ctx: Context) -> None:
    saga = Saga(found.deployment, ctx)
    cause = "it was being undone, or is sick, and the old colour is well"
    saga.run(Step("switch back", cause, partial(acts.switch_back, found.moves, ctx)))
    take_away(found, ctx)
    _end(found, "what served before it serves again", ctx)


def _gives_back(found: Unfinished, ctx: Context) -> None:
    topology = ctx.proxy.topology()
    names = proxy_changes.names(found.holders)
    if topology:
        before = topology.without_fronts(move.service for move in found.moves)
        give = partial(proxy_changes.give_back, found.holders, before, ctx)
        Saga(found.deployment, ctx).run(Step(f"give back to {names}", "nobody serves", give))
    ctx.proxy.route_to({move.service: None for move in found.moves})
    take_away(found, ctx)
    _end(found, f"{names} serves again", ctx)


_REPAIRS = {
    Reading.UNTOUCHED: _never_happened,
    Reading.ARRIVED: _happened,
    Reading.REVERTS: _goes_back,
    Reading.GAP: _gives_back,
}


def _end(found: Unfinished, now: str, ctx: Context) -> None:
    reason = f"{found.told.partition(' stopped ')[2]}; {now}"
    ctx.history.to(found.deployment.id, State.INTERRUPTED, ctx.clock.now(), f"stopped {reason}")
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
        if live is None and route.fronted and any(name == service for name, _ in there):
            _route_to_what_is_proven(service, ctx)
        elif live and (service, live.other) in there:
            _remove_leftover(service, live, ctx)


def _route_to_what_is_proven(service: str, ctx: Context) -> None:
    part = ctx.live_part(service)
    if part and not sick(part, PATIENCE, ctx):
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
    if standby.meant(record, service, ctx.colour_containers(service, live.other)):
        return
    move = Move(part.release, live, live.other)
    try:
        Saga(record, ctx).run(
            Step(f"remove {move.name}", "it was left over", partial(acts.clear, move, ctx))
        )
    except (Interrupted, LockLost):
        raise
    except BluegreenError as error:
        ctx.observer.remark(f"warning: {move.name} is left over: {error.message}")
