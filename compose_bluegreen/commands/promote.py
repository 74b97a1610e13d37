"""``promote``: what waits is proven anew and goes live, by the page of every other."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from compose_bluegreen.config.requests import PromoteOrder
from compose_bluegreen.deployment import pending, recovery
from compose_bluegreen.deployment.interrupted import unfinished
from compose_bluegreen.deployment.pipeline import from_the_switch_on, stand
from compose_bluegreen.deployment.remote_control import heard
from compose_bluegreen.domain.caller import Caller
from compose_bluegreen.domain.deployment import Deployment, Outcome
from compose_bluegreen.domain.errors import BluegreenError, ProxyFailed, Unhealthy
from compose_bluegreen.domain.labels import base_labels, fingerprint_of
from compose_bluegreen.domain.release import replicas
from compose_bluegreen.domain.states import State
from compose_bluegreen.ports.context import Ports
from compose_bluegreen.ports.lock import Holder, Wish
from compose_bluegreen.steps import hooks, locking, proxy_changes
from compose_bluegreen.steps import rollout as acts
from compose_bluegreen.steps.rollout import Move
from compose_bluegreen.steps.saga import Saga, Step, Undo
from compose_bluegreen.steps.source import Terms


def promote(order: PromoteOrder, project: str, caller: Caller, at: Ports) -> Deployment | None:
    """Raises BluegreenError where nothing waits, or it isn't well: then it goes on waiting. Where
    somebody's command watches a release just now, that goes on at once.

    What fails after the switch is switched back and taken away, as in any other deployment.
    """
    at.history.check_writable()
    if told := heard(Wish.PROMOTE, project, caller.actor, at):
        return _by_its_own_command(told)
    holder = Holder(caller.actor, "promote", at.clock.now())
    with locking.until_alone(holder, order.patience, at):
        begun = unfinished(caller.engine, project, at)
        recovery.settle(caller.engine, project, at)
        found = pending.the_one(caller.engine, project, at)
        if found is None:
            return _promoted_before(begun, project, at)
        moves = pending.moves_of(found, at)
        terms = Terms(timeout=order.timeout, bake=order.bake, hooks=order.hooks)
        _refuse_to_take_over(found, moves, at)
        for move in moves if order.hooks else ():
            hooks.refuse_strangers(move.release, hooks.brought(goes_back=True), at)
        _prove(found, [move for move in moves if not move.exchanged], terms, at)
        return _switch(found, moves, terms, at)


def _by_its_own_command(told: Deployment) -> Deployment:
    if told.state is not State.LIVE:
        raise BluegreenError(
            f"deployment {told.id} is {told.state}: {told.reason}",
            hint=f"docker bluegreen show {told.id}",
        )
    return told


def _promoted_before(begun: Sequence[Deployment], project: str, at: Ports) -> Deployment:
    """By somebody who was killed after the switch."""
    for one in reversed(begun):
        settled = at.history.get(one.id)
        if settled and settled.state is State.LIVE:
            return settled
    raise BluegreenError(
        f"nothing of {project} waits to be promoted",
        hint="docker bluegreen up --no-switch makes a release that does",
    )


def _refuse_to_take_over(found: Deployment, moves: Sequence[Move], at: Ports) -> None:
    users = (at.engine.containers(base_labels(move.project, move.service)) for move in moves)
    first = [own for move, own in zip(moves, users, strict=True) if move.live is None]
    if holders := [one for own in first for one in own if one.running]:
        raise BluegreenError(
            f"deployment {found.id} goes on waiting: {proxy_changes.names(holders)} of your own project"
            " serves now",
            hint="docker bluegreen abort, then docker bluegreen up --take-over",
        )


def _prove(found: Deployment, moves: Sequence[Move], terms: Terms, at: Ports) -> None:
    """Nothing is undone if it fails: nothing was done."""
    names = acts.named(moves)
    step = Step(
        f"wait until {names} {acts.are(moves)} healthy",
        f"it was proven {found.held_since:%Y-%m-%d %H:%M} UTC, and things change",
        partial(_prove_anew, moves, terms, at),
    )
    try:
        Saga(found, at).run(step, worst=Outcome.WARNED)
    except (Unhealthy, ProxyFailed) as error:
        raise BluegreenError(
            f"deployment {found.id} goes on waiting: {error.message}",
            detail=error.detail,
            hint="docker bluegreen promote tries again, docker bluegreen abort takes it away",
        ) from error


def _prove_anew(moves: Sequence[Move], terms: Terms, at: Ports) -> str:
    """By new checks, and by each HEALTHCHECK run now: what HAProxy and Docker believe may be as old
    as their intervals."""
    for move in moves:
        _refuse_what_is_gone(move, at)
        at.proxy.watch(move.service, move.idle)
    said = acts.all_healthy(moves, terms, at)
    for move in moves:
        for one in acts.containers(move, move.idle, at):
            found = at.engine.probe(one) if one.health else None
            if found is not None:
                raise Unhealthy(
                    f"the HEALTHCHECK of {one.name} says: {found.strip() or 'nothing'}",
                    detail=at.engine.log_tail(one),
                )
    return said


def _refuse_what_is_gone(move: Move, at: Ports) -> None:
    """Nobody waits two minutes for a container that isn't there."""
    there = [
        one
        for one in acts.containers(move, move.idle, at)
        if one.running and fingerprint_of(one.labels) == move.release.fingerprint
    ]
    if len(there) < replicas(move.release):
        raise Unhealthy(f"{move.name} doesn't run as it was proven")


def _switch(found: Deployment, moves: Sequence[Move], terms: Terms, at: Ports) -> Deployment | None:
    topology = at.proxy.topology()
    if topology is None:
        raise BluegreenError("there is no proxy", hint="docker bluegreen status")
    remove = partial(acts.remove_idle, moves, at)
    with Saga(found, at) as saga:
        saga.if_it_fails(hooks.if_it_fails(moves, found.id, terms, at))
        saga.owe(Undo(f"remove {acts.named(moves)}", remove, can_wait=True))
        for step in from_the_switch_on(moves, topology, topology, found.id, terms, at):
            saga.run(step)
        return stand(saga, moves, at)
