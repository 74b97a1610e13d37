"""``promote``: what waits is proven anew and goes live, by the page of every other."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from compose_bluegreen.config.requests import PromoteOrder
from compose_bluegreen.deployment import pending, recovery
from compose_bluegreen.deployment.interrupted import unfinished
from compose_bluegreen.deployment.pipeline import from_the_switch_on, stand
from compose_bluegreen.deployment.remote_control import heard
from compose_bluegreen.domain.deployment import Deployment, Outcome
from compose_bluegreen.domain.errors import BluegreenError, ProxyFailed, Unhealthy
from compose_bluegreen.domain.release import replicas
from compose_bluegreen.domain.states import State
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.lock import Holder, Wish
from compose_bluegreen.steps import hooks, locking, proxy_changes
from compose_bluegreen.steps import rollout as acts
from compose_bluegreen.steps.rollout import Move
from compose_bluegreen.steps.saga import Saga, Step, Undo
from compose_bluegreen.steps.source import Terms


def promote(order: PromoteOrder, ctx: Context) -> Deployment | None:
    """Raises BluegreenError where nothing waits, or it isn't well: then it goes on waiting. Where
    somebody's command watches a release just now, that goes on at once.

    What fails after the switch is switched back and taken away, as in any other deployment.
    """
    ctx.history.check_writable()
    if told := heard(Wish.PROMOTE, ctx.caller.actor, ctx):
        return _by_its_own_command(told)
    holder = Holder(ctx.caller.actor, "promote", ctx.clock.now())
    with locking.until_alone(holder, order.patience, ctx):
        begun = unfinished(ctx)
        recovery.settle(ctx)
        found = pending.the_one(ctx)
        if found is None:
            return _promoted_before(begun, ctx)
        moves = pending.moves_of(found, ctx)
        terms = Terms(timeout=order.timeout, bake=order.bake, hooks=order.hooks)
        _refuse_to_take_over(found, moves, ctx)
        for move in moves if order.hooks else ():
            hooks.refuse_strangers(move.release, hooks.brought(goes_back=True), ctx)
        _prove(found, [move for move in moves if not move.exchanged], terms, ctx)
        return _switch(found, moves, terms, ctx)


def _by_its_own_command(told: Deployment) -> Deployment:
    if told.state is not State.LIVE:
        raise BluegreenError(
            f"deployment {told.id} is {told.state}: {told.reason}",
            hint=f"docker bluegreen show {told.id}",
        )
    return told


def _promoted_before(begun: Sequence[Deployment], ctx: Context) -> Deployment:
    """By somebody who was killed after the switch."""
    for one in reversed(begun):
        settled = ctx.history.get(one.id)
        if settled and settled.state is State.LIVE:
            return settled
    raise BluegreenError(
        f"nothing of {ctx.project} waits to be promoted",
        hint="docker bluegreen up --no-switch makes a release that does",
    )


def _refuse_to_take_over(found: Deployment, moves: Sequence[Move], ctx: Context) -> None:
    users = (ctx.compose_containers(move.service) for move in moves)
    first = [own for move, own in zip(moves, users, strict=True) if move.live is None]
    if holders := [one for own in first for one in own if one.running]:
        raise BluegreenError(
            f"deployment {found.id} goes on waiting: {proxy_changes.names(holders)} of your own project"
            " serves now",
            hint="docker bluegreen abort, then docker bluegreen up --take-over",
        )


def _prove(found: Deployment, moves: Sequence[Move], terms: Terms, ctx: Context) -> None:
    """Nothing is undone if it fails: nothing was done."""
    names = acts.named(moves)
    step = Step(
        f"wait until {names} {acts.are(moves)} healthy",
        f"it was proven {found.held_since:%Y-%m-%d %H:%M} UTC, and things change",
        partial(_prove_anew, moves, terms, ctx),
    )
    try:
        Saga(found, ctx).run(step, worst=Outcome.WARNED)
    except (Unhealthy, ProxyFailed) as error:
        raise BluegreenError(
            f"deployment {found.id} goes on waiting: {error.message}",
            detail=error.detail,
            hint="docker bluegreen promote tries again, docker bluegreen abort takes it away",
        ) from error


def _prove_anew(moves: Sequence[Move], terms: Terms, ctx: Context) -> str:
    """By new checks, and by each HEALTHCHECK run now: what HAProxy and Docker believe may be as old
    as their intervals."""
    for move in moves:
        _refuse_what_is_gone(move, ctx)
        ctx.proxy.watch(move.service, move.idle)
    said = acts.all_healthy(moves, terms, ctx)
    for move in moves:
        for one in acts.containers(move, move.idle, ctx):
            found = ctx.engine.probe(one) if one.health else None
            if found is not None:
                raise Unhealthy(
                    f"the HEALTHCHECK of {one.name} says: {found.strip() or 'nothing'}",
                    detail=ctx.engine.log_tail(one),
                )
    return said


def _refuse_what_is_gone(move: Move, ctx: Context) -> None:
    """Nobody waits two minutes for a container that isn't there."""
    there = [
        one
        for one in acts.containers(move, move.idle, ctx)
        if one.running and one.fingerprint == move.release.fingerprint
    ]
    if len(there) < replicas(move.release):
        raise Unhealthy(f"{move.name} doesn't run as it was proven")


def _switch(
    found: Deployment, moves: Sequence[Move], terms: Terms, ctx: Context
) -> Deployment | None:
    topology = ctx.proxy.topology()
    if topology is None:
        raise BluegreenError("there is no proxy", hint="docker bluegreen status")
    remove = partial(acts.remove_idle, moves, ctx)
    with Saga(found, ctx) as saga:
        saga.if_it_fails(hooks.if_it_fails(moves, found.id, terms, ctx))
        saga.owe(Undo(f"remove {acts.named(moves)}", remove, can_wait=True))
        for step in from_the_switch_on(moves, topology, topology, found.id, terms, ctx):
            saga.run(step)
        return stand(saga, moves, ctx)
