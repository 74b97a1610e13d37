"""``resume``: the unfinished deployment is brought to its end, by the page of every other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

from compose_bluegreen.deployment.interrupted import Reading, Unfinished
from compose_bluegreen.deployment.latest import the_one
from compose_bluegreen.deployment.pipeline import page
from compose_bluegreen.deployment.recovery import keep, send_all_back
from compose_bluegreen.domain.deployment import Deployment
from compose_bluegreen.domain.errors import BluegreenError, NeedsPerson, Unhealthy
from compose_bluegreen.domain.states import TRANSITIONS
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.lock import Holder
from compose_bluegreen.steps import hooks, locking, proxy_changes
from compose_bluegreen.steps import rollout as acts
from compose_bluegreen.steps.desired_topology import with_release
from compose_bluegreen.steps.rollout import Move
from compose_bluegreen.steps.saga import Saga, Step
from compose_bluegreen.steps.source import Terms

_NOW = timedelta(0)


def resume(ctx: Context) -> Deployment | None:
    """Raises BluegreenError where nothing is unfinished, or what it began was undone;
    NeedsPerson where its colour has the traffic and isn't well."""
    holder = Holder(ctx.caller.actor, "resume", ctx.clock.now())
    with locking.until_alone(holder, None, ctx):
        send_all_back(ctx)
        found = the_one(ctx)
        if not found.moves:
            raise BluegreenError(
                f"{found.told}: what it would have released isn't known",
                hint="docker bluegreen up does it again",
            )
        _refuse_to_take_over(found, ctx)
        hooks.clear(ctx)
        routes = ctx.proxy.routes()
        behind = [move for move in found.moves if routes.get(move.service) is not move.idle]
        for move in behind:
            moments = hooks.brought(goes_back=hooks.goes_back(found.deployment))
            hooks.refuse_strangers(move.release, moments, ctx)
        if behind:
            _bring(found, behind, ctx)
        else:
            _prove(found, ctx)
        keep(found, ctx)
        return ctx.history.get(found.deployment.id)


def _refuse_to_take_over(found: Unfinished, ctx: Context) -> None:
    own = [
        one
        for move in found.moves
        for one in ctx.compose_containers(move.service)
        if one.running or found.reading is Reading.GAP
    ]
    if own:
        raise BluegreenError(
            f"{found.told}: {proxy_changes.names(own)} of your own project has its ports",
            hint="docker bluegreen abort, then docker bluegreen up --take-over",
        )


def _bring(found: Unfinished, behind: Sequence[Move], ctx: Context) -> None:
    """What hasn't the traffic yet goes the whole way; undone if it fails."""
    saga = Saga(found.deployment, ctx, stays_open=len(behind) < len(found.moves))
    with saga:
        saga.if_it_fails(hooks.if_it_fails(behind, found.deployment.id, Terms(), ctx))
        for step in _steps(found.deployment, behind, ctx):
            saga.run(step)


def _steps(deployment: Deployment, moves: Sequence[Move], ctx: Context) -> Iterator[Step]:
    topology = ctx.proxy.topology()
    if topology is None:
        raise BluegreenError("there is no proxy", hint="docker bluegreen up makes one")
    for move in moves:
        topology = with_release(topology, move.release, move.idle)
    terms = Terms(goes_back=hooks.goes_back(deployment))
    change = proxy_changes.allowed(topology, moves, terms, ctx)
    state = deployment.state
    for step in page(moves, topology, change, topology, deployment.id, terms, ctx):
        if step.enters and step.enters in TRANSITIONS[state]:
            state = step.enters
            yield step
        else:
            yield replace(step, enters=None)


def _prove(found: Unfinished, ctx: Context) -> None:
    """It has the traffic: nothing can be started anew, and nothing is taken from it here."""
    saga = Saga(found.deployment, ctx)
    for move in found.moves:
        step = Step(
            f"see {move.name} healthy under traffic",
            "it has the traffic already",
            partial(acts.until_healthy, move, Terms(), ctx),
        )
        try:
            saga.run(step)
        except Unhealthy as error:
            raise NeedsPerson(
                f"{found.told}: {error.message}; {found.serves}",
                detail=error.detail,
                hint="docker bluegreen abort goes back to what served before",
            ) from error
