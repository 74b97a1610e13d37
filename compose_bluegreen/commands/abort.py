"""``abort``: the deployment that is unfinished or waits is taken away; what served before serves."""

from __future__ import annotations

from functools import partial

from compose_bluegreen.deployment import pending
from compose_bluegreen.deployment.interrupted import (
    Reading,
    Unfinished,
    live_part,
    sick,
    unfinished,
)
from compose_bluegreen.deployment.latest import the_one
from compose_bluegreen.deployment.recovery import PATIENCE, send_all_back, settle, take_away
from compose_bluegreen.deployment.remote_control import heard
from compose_bluegreen.domain.caller import Caller
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.deployment import Deployment, Part
from compose_bluegreen.domain.errors import BluegreenError, Interrupted, LockLost, NeedsPerson
from compose_bluegreen.domain.release import stops_first
from compose_bluegreen.domain.states import State
from compose_bluegreen.ports.context import Ports
from compose_bluegreen.ports.lock import Holder, Wish
from compose_bluegreen.steps import hooks, locking
from compose_bluegreen.steps import rollout as acts
from compose_bluegreen.steps.rollout import Move
from compose_bluegreen.steps.saga import Saga, Step
from compose_bluegreen.steps.source import Terms


def abort(project: str, caller: Caller, at: Ports) -> Deployment | None:
    """Raises BluegreenError where nothing is unfinished, NeedsPerson where nothing else is well:
    then what has the traffic keeps it, and the next deployment is free to replace it. Where
    somebody's command watches a release just now, that takes it back."""
    if told := heard(Wish.ABORT, project, caller.actor, at):
        return _by_its_own_command(told)
    holder = Holder(caller.actor, "abort", at.clock.now())
    with locking.until_alone(holder, None, at):
        send_all_back(at)
        waits = pending.the_one(caller.engine, project, at)
        if waits and not unfinished(caller.engine, project, at):
            return _no_longer_wait(waits, caller, at)
        found = the_one(project, caller.engine, at)
        if found.reading is Reading.GAP:
            settle(caller.engine, project, at)
            return at.history.get(found.deployment.id)
        hooks.clear(project, at)
        back = _way_back(found, at)
        if back:
            moves = [move for move in found.moves if move.service in back]
            act = partial(_route_back, moves, back, at)
            Saga(found.deployment, at).run(Step("switch back", "abort", act))
        take_away(found, at)
        reason = (
            f"aborted by {caller.actor}; it had {found.told.partition(' ')[2].partition(' ')[2]}"
        )
        at.history.to(found.deployment.id, State.INTERRUPTED, at.clock.now(), reason)
        return at.history.get(found.deployment.id)


def _by_its_own_command(told: Deployment) -> Deployment:
    if told.state is State.LIVE:
        raise BluegreenError(
            f"deployment {told.id} was live before it heard of it",
            hint="docker bluegreen rollback",
        )
    return told


def _no_longer_wait(waits: Deployment, caller: Caller, at: Ports) -> Deployment | None:
    """Nobody but who may preview it has ever met it."""
    moves = tuple(pending.moves_of(waits, at))
    take_away(Unfinished(waits, Reading.UNTOUCHED, "", moves), at)
    pending.forget_images(waits, (), at)
    reason = f"aborted by {caller.actor}; it had waited since {waits.held_since:%Y-%m-%d %H:%M} UTC"
    at.history.to(waits.id, State.INTERRUPTED, at.clock.now(), reason)
    return at.history.get(waits.id)


def _way_back(found: Unfinished, at: Ports) -> dict[str, Colour | None]:
    """For each service whose traffic it has, where that goes: to what history has as live, which is
    well or can be made so; nowhere, where nothing was live before."""
    routes, back = at.proxy.routes(), dict[str, Colour | None]()
    for part in found.deployment.parts:
        if routes.get(part.service) is part.colour:
            old = live_part(part, found.deployment, at)
            back[part.service] = old.colour if old else None
            if old and not stops_first(old.release) and sick(old, PATIENCE, at):
                _start_again(old, found, at)
    return back


def _start_again(old: Part, found: Unfinished, at: Ports) -> None:
    """Its colour has no traffic, so it can be started anew from what history has of it."""
    deployment = found.deployment
    record = at.history.live(deployment.engine, deployment.project, old.service)
    move, saga = Move(old.release, old.colour.other, old.colour), Saga(deployment, at)
    start = partial(acts.start, [move], Terms(), record.id if record else deployment.id, at)
    prove = partial(acts.until_healthy, move, Terms(), at)
    try:
        saga.run(Step(f"start {move.name}", "it served before, and isn't well", start))
        saga.run(Step(f"wait until {move.name} is healthy", "nothing unproven gets traffic", prove))
    except (Interrupted, LockLost):
        raise
    except BluegreenError as error:
        reason = f"aborted, but {move.name} can't be brought back: {error.message}"
        at.history.to(deployment.id, State.FAILED, at.clock.now(), reason)
        raise NeedsPerson(
            f"{move.name}, which served before, can't be brought back: {error.message};"
            f" {found.serves} on",
            detail=error.detail,
            hint="docker bluegreen up with a version that is well",
        ) from error


def _route_back(moves: list[Move], back: dict[str, Colour | None], at: Ports) -> str:
    at.proxy.route_to(back)
    return acts.drain_all([(move, move.idle) for move in moves], at)
