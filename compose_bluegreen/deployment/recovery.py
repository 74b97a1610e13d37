"""What a killed process left behind, settled by the next one that holds the lock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from compose_bluegreen.deployment import pending
from compose_bluegreen.deployment.interrupted import Reading, Unfinished, read, sick, unfinished
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import BluegreenError, Interrupted, LockLost
from compose_bluegreen.domain.labels import LABEL, colour_labels
from compose_bluegreen.domain.release import built_here
from compose_bluegreen.domain.states import State
from compose_bluegreen.domain.topology import Change
from compose_bluegreen.ports.context import Ports
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


def settle_first(
    engine: str, project: str, holder: Holder, patience: timedelta | None, at: Ports
) -> None:
    """Before a command plans: what it would plan from may not be true yet."""
    if unfinished(engine, project, at) and _proxy_runs(at):
        with locking.until_alone(holder, patience, at):
            settle(engine, project, at)


def settle(engine: str, project: str, at: Ports) -> None:
    """An unfinished deployment under a free lock was killed; the proxy says how far it got.

    Raises NeedsPerson where more than one thing may be right.
    """
    send_all_back(at)
    for deployment in unfinished(engine, project, at):
        found = read(deployment, PATIENCE, at)
        if found.reading is Reading.UNCLEAR:
            raise found.for_a_person()
        _REPAIRS[found.reading](found, at)
    hooks.clear(project, at)
    _forget_routes_that_nobody_reaches(at)
    _clear_up(engine, project, at)


def send_all_back(at: Ports) -> None:
    """A canary whose command is no more: nobody watches it. What is live gets everything again."""
    shares, routes = at.proxy.shares(), at.proxy.routes()
    back = {name: colour for name in shares if (colour := routes.get(name))}
    if back:
        at.proxy.route_to(back)
        for name, colour in back.items():
            at.observer.remark(f"{name}-{colour} has all the traffic of {name} again")


def _proxy_runs(at: Ports) -> bool:
    topology = at.proxy.topology()
    if topology is None:
        return False
    return at.proxy.change_to(topology) not in (Change.CREATE, Change.START)


def take_away(found: Unfinished, at: Ports) -> None:
    """Its colours, which have no traffic, and the name of its build."""
    saga = Saga(found.deployment, at)
    for move in found.moves:
        there = acts.containers(move, move.idle, at)
        if there and not _stands_by(move, there, at):
            remove = partial(acts.clear, move, at)
            saga.run(Step(f"remove {move.name}", "it was never finished", remove))
        if built_here(move.release):
            point = partial(images.point_at_what_serves, move.release, at)
            name = move.release.image.reference
            saga.attempt(Step(f"point {name} at what serves", "it was never finished", point))

    for step in stop_first.restored(found.moves, at):
        saga.run(step)


def _stands_by(move: Move, there: Sequence[Container], at: Ports) -> bool:
    """It hadn't come to clear it away, or took it as it was."""
    record = at.history.live(at.engine.identity(), move.project, move.service)
    return standby.meant(record, move.service, there) is not None


def keep(found: Unfinished, at: Ports) -> None:
    """Its colours have the traffic and are well: from here on as after any other switch."""
    saga = Saga(found.deployment, at)
    saga.promote()
    owed = hooks.owed(found.deployment, found.moves, at)
    for steps in aftermath(found.moves, at, owed):
        all(saga.attempt(step) for step in steps)


def _never_happened(found: Unfinished, at: Ports) -> None:
    routes = at.proxy.routes()
    proven_only = {m.service: None for m in found.moves if routes.get(m.service) is m.idle}
    if proven_only:
        at.proxy.route_to(proven_only)
    take_away(found, at)
    _end(found, "what served before still serves", at)


def _happened(found: Unfinished, at: Ports) -> None:
    keep(found, at)
    missed = " and ".join(hooks.missed(found.deployment))
    told = f"; nobody has seen {missed} end" if missed else ""
    at.observer.remark(f"{found.told}: its release is live and stays{told}")


def _goes_back(found: Unfinished, at: Ports) -> None:
    saga = Saga(found.deployment, at)
    cause = "it was being undone, or is sick, and the old colour is well"
    saga.run(Step("switch back", cause, partial(acts.switch_back, found.moves, at)))
    take_away(found, at)
    _end(found, "what served before it serves again", at)


def _gives_back(found: Unfinished, at: Ports) -> None:
    topology = at.proxy.topology()
    names = proxy_changes.names(found.holders)
    if topology:
        before = topology.without_fronts(move.service for move in found.moves)
        give = partial(proxy_changes.give_back, found.holders, before, at)
        Saga(found.deployment, at).run(Step(f"give back to {names}", "nobody serves", give))
    at.proxy.route_to({move.service: None for move in found.moves})
    take_away(found, at)
    _end(found, f"{names} serves again", at)


_REPAIRS = {
    Reading.UNTOUCHED: _never_happened,
    Reading.ARRIVED: _happened,
    Reading.REVERTS: _goes_back,
    Reading.GAP: _gives_back,
}


def _end(found: Unfinished, now: str, at: Ports) -> None:
    reason = f"{found.told.partition(' stopped ')[2]}; {now}"
    at.history.to(found.deployment.id, State.INTERRUPTED, at.clock.now(), f"stopped {reason}")
    at.observer.remark(f"{found.told}; {now}")


def _forget_routes_that_nobody_reaches(at: Ports) -> None:
    """Killed before it took over: what the proxy proved, the user's own container still serves."""
    routes = at.proxy.routes()
    live = reached(routes, at.proxy.topology())
    lost = {name: None for name, colour in routes.items() if colour and name not in live}
    if lost:
        at.proxy.route_to(lost)


# ── what no record tells of ──────────────────────────────────────────────────────────────────


def _clear_up(engine: str, project: str, at: Ports) -> None:
    """Nobody is left without an answer while something proven runs, and nothing beside it."""
    routes, topology = at.proxy.routes(), at.proxy.topology()
    there = {
        (one.labels.get(f"{LABEL}.service"), one.labels.get(f"{LABEL}.colour"))
        for one in at.engine.containers(colour_labels(project))
    } - pending.colours(engine, project, at)
    for route in topology.routes if topology else ():
        service, live = route.service, routes.get(route.service)
        if live is None and route.fronted and any(name == service for name, _ in there):
            _route_to_what_is_proven(engine, project, service, at)
        elif live and (service, live.other) in there:
            _remove_leftover(engine, project, service, live, at)


def _route_to_what_is_proven(engine: str, project: str, service: str, at: Ports) -> None:
    record = at.history.live(engine, project, service)
    part = record.part(service) if record else None
    if part and not sick(part, PATIENCE, at):
        at.proxy.route_to({service: part.colour})
        at.observer.remark(
            f"{service} was routed nowhere: {service}-{part.colour} serves again, which is proven"
        )


def _remove_leftover(engine: str, project: str, service: str, live: Colour, at: Ports) -> None:
    """A deployment that was killed after its switch, or could not remove it."""
    record = at.history.live(engine, project, service)
    part = record.part(service) if record else None
    if record is None or part is None or part.colour is not live:
        return
    if standby.meant(
        record, service, at.engine.containers(colour_labels(project, service, live.other))
    ):
        return
    move = Move(part.release, live, live.other)
    try:
        Saga(record, at).run(
            Step(f"remove {move.name}", "it was left over", partial(acts.clear, move, at))
        )
    except (Interrupted, LockLost):
        raise
    except BluegreenError as error:
        at.observer.remark(f"warning: {move.name} is left over: {error.message}")
