"""The page: how a release goes live, wherever it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain

from compose_bluegreen.config.hook_settings import Moment
from compose_bluegreen.deployment import pending, recovery
from compose_bluegreen.domain.deployment import Deployment, Kind, Part
from compose_bluegreen.domain.errors import HistoryUnusable, Interrupted, NeedsPerson
from compose_bluegreen.domain.release import Release
from compose_bluegreen.domain.states import State
from compose_bluegreen.domain.topology import Change, Topology
from compose_bluegreen.ports.context import Context
from compose_bluegreen.steps import hooks, proxy_changes, standby, stop_first
from compose_bluegreen.steps import rollout as acts
from compose_bluegreen.steps.bake import Bake
from compose_bluegreen.steps.canary import Canary
from compose_bluegreen.steps.cleanup import aftermath
from compose_bluegreen.steps.rollout import Move, Readiness, plan
from compose_bluegreen.steps.saga import Saga, Step, Undo, told
from compose_bluegreen.steps.source import Attempt, Terms


def deploy(attempt: Attempt, ctx: Context) -> Deployment | None:
    """Makes it live. None if nothing changed, or on a dry run.

    Whatever is raised, what served before still serves; only NeedsPerson says that it may not.
    """
    ctx.history.check_writable()
    draft, terms = attempt.draft, attempt.terms
    if terms.tell_plan is None:
        holder = proxy_changes.holder(draft)
        recovery.settle_first(holder, terms.patience, ctx)
    moves = _moves(attempt, attempt.outlines, ctx)
    wanted = proxy_changes.wanted(attempt, moves, ctx)
    change = proxy_changes.allowed(wanted, moves, terms, ctx)
    if terms.tell_plan:
        for step in _plan_steps(attempt, moves, wanted, change, ctx):
            terms.tell_plan(step.name, step.cause)
        return None
    with proxy_changes.under_the_lock(wanted, change, attempt, ctx):
        return _deploy(attempt, ctx)


def _deploy(attempt: Attempt, ctx: Context) -> Deployment | None:
    recovery.settle(ctx)
    with Saga(attempt.draft, ctx) as saga:
        for step in attempt.preparation:
            saga.run(step)
        releases = attempt.releases()
        if not releases:
            saga.discard()
            _tidy(attempt, ctx)
            return None
        moves = _moves(attempt, releases, ctx)
        wanted = proxy_changes.wanted(attempt, moves, ctx)
        change = proxy_changes.allowed(wanted, moves, attempt.terms, ctx)
        saga.parts([Part(move.release, move.idle) for move in moves])
        full, terms = proxy_changes.full(attempt, moves, ctx), attempt.terms
        saga.if_it_fails(hooks.if_it_fails(moves, saga.deployment, terms, ctx))
        for step in pending.gives_way(moves, saga.deployment, terms, ctx):
            saga.run(step)
        for step in attempt.once(releases):
            saga.run(step)
        for step in page(moves, wanted, change, full, saga.deployment, terms, ctx):
            saga.run(step)
        if terms.no_switch:
            saga.leave_waiting()
            return _record(saga.deployment, State.WAITING, ctx)
        return stand(saga, moves, ctx, _farewell(attempt, moves, saga.deployment, ctx))


def _moves(attempt: Attempt, releases: Sequence[Release], ctx: Context) -> list[Move]:
    """Only what is to come back as it was may be there already: a new start reads files anew."""
    moves = plan(releases, ctx)
    return standby.readied(moves, ctx) if attempt.draft.kind is Kind.ROLLBACK else moves


def _farewell(
    attempt: Attempt, moves: Sequence[Move], deployment: int, ctx: Context
) -> Iterator[Step]:
    return hooks.on_rollback(attempt.taken_back, moves, deployment, attempt.terms, ctx)


def stand(
    saga: Saga, moves: Sequence[Move], ctx: Context, once_it_is_gone: Iterable[Step] = ()
) -> Deployment | None:
    """It is live from here on; what is left to do can only warn."""
    saga.promote()
    try:
        for steps in aftermath(moves, ctx, once_it_is_gone):
            all(saga.attempt(step) for step in steps)
        return _record(saga.deployment, State.LIVE, ctx)
    except Interrupted as error:
        raise Interrupted(
            f"interrupted after the switch: deployment {saga.deployment} is live and stays",
            hint="docker bluegreen status shows what is left over; the next up removes it",
        ) from error


def _record(deployment: int, state: State, ctx: Context) -> Deployment | None:
    try:
        return ctx.history.get(deployment)
    except HistoryUnusable as error:
        raise NeedsPerson(
            f"deployment {deployment} is {state} and stays, but history can't be read: {error.message}",
            hint=error.hint,
            detail=error.detail,
        ) from error


def page(  # noqa: PLR0913, PLR0917 - what it says is what it needs
    moves: Sequence[Move],
    wanted: Topology,
    change: Change,
    full: Topology,
    deployment: int,
    terms: Terms,
    ctx: Context,
) -> Iterator[Step]:
    """What is done, in this order; each step with what takes it back.

    ``wanted`` is what the proxy must know before anything starts, ``full`` what it knows once it
    has taken over from containers of the user's own project.
    """
    early = [move for move in moves if not move.exchanged]
    names = acts.named(early)
    hooked = partial(hooks.steps, deployment=deployment, terms=terms, ctx=ctx)

    if change is not Change.NONE:
        yield proxy_changes.proxy_step(wanted, change, ctx)
    yield from hooked(Moment.PRE_DEPLOY, moves)
    if early:
        yield _start(early, terms, deployment, ctx)
        yield from hooked(Moment.POST_START, early)
        yield Step(
            f"wait until {names} {acts.are(early)} healthy",
            "nothing unproven gets traffic",
            partial(acts.all_healthy, early, terms, ctx),
        )
    if shown := [move for move in early if wanted.previews(move.service)]:
        yield Step(
            f"show {acts.named(shown)} to who may preview",
            "it is proven, and nobody else meets it",
            partial(acts.show, shown, ctx),
        )
    yield from hooked(Moment.PRE_SWITCH, early)
    if terms.no_switch:
        yield pending.hold(moves, ctx)
    else:
        yield from from_the_switch_on(moves, wanted, full, deployment, terms, ctx)


def from_the_switch_on(
    moves: Sequence[Move],
    wanted: Topology,
    full: Topology,
    deployment: int,
    terms: Terms,
    ctx: Context,
) -> Iterator[Step]:
    """The second half, where ``promote`` goes on."""
    names = acts.named(moves)
    holders = [one for move in moves for one in move.held_by]
    canary, bake = Canary.of(moves, terms, ctx), Bake.of(moves if terms.bake else (), ctx)

    yield from canary.steps()
    yield from stop_first.exchange(moves, deployment, terms, ctx)
    for moment in (Moment.POST_START, Moment.PRE_SWITCH):
        late = [move for move in moves if move.exchanged]
        yield from hooks.steps(moment, late, deployment, terms, ctx)
    yield Step(
        f"switch to {names}",
        "it is healthy" if len(moves) == 1 else "all are healthy",
        partial(bake.switch, moves),
        Undo("switch back", partial(acts.switch_back, moves, ctx)),
        enters=None if canary.begins else State.SWITCHING,
    )
    if holders:
        yield Step(
            f"take over from {proxy_changes.names(holders)}",
            "it holds the ports and the name until now",
            partial(proxy_changes.take_over, holders, full, ctx),
            Undo(
                f"give back to {proxy_changes.names(holders)}",
                partial(proxy_changes.give_back, holders, wanted, ctx),
            ),
        )
    yield Step(
        f"see {names} healthy under traffic",
        "the switch is done",
        partial(acts.still_healthy, moves, terms, ctx),
    )
    yield from hooks.steps(Moment.POST_SWITCH, moves, deployment, terms, ctx)
    yield from bake.steps()


def _start(moves: Sequence[Move], terms: Terms, deployment: int, ctx: Context) -> Step:
    """What is warm stays so, whatever becomes of this deployment."""
    cold = [move for move in moves if move.ready is not Readiness.WARM]
    undo = Undo(f"remove {acts.named(cold)}", partial(acts.remove_idle, cold, ctx), can_wait=True)
    return Step(
        f"{'start' if cold else 'wake'} {acts.named(moves)}",
        acts.why(moves) if cold else "it stands by",
        partial(acts.start, moves, terms, deployment, ctx),
        undo if cold else None,
        enters=State.STARTING,
    )


def _tidy(attempt: Attempt, ctx: Context) -> None:
    """Nothing to release, but the proxy's own settings may have changed, or a colour been left."""
    wanted = proxy_changes.wanted(attempt, [], ctx)
    change = proxy_changes.allowed(wanted, [], attempt.terms, ctx)
    if change is not Change.NONE:
        told(proxy_changes.proxy_step(wanted, change, ctx), ctx)
    for step in standby.end(ctx):
        told(step, ctx)
    waiting = pending.colours(ctx)
    for move in plan(attempt.outlines, ctx):
        if (move.service, str(move.idle)) in waiting:
            continue
        idle = acts.containers(move, move.idle, ctx)
        record = ctx.live_deployment(move.service)
        if idle and standby.meant(record, move.service, idle) is None:
            told(
                Step(f"remove {move.name}", "it was left over", partial(acts.clear, move, ctx)), ctx
            )


def _plan_steps(
    attempt: Attempt, moves: list[Move], wanted: Topology, change: Change, ctx: Context
) -> list[Step]:
    first = (
        [proxy_changes.proxy_step(wanted, change, ctx)]
        if change in proxy_changes.BEFORE_THE_LOCK
        else []
    )
    later = Change.NONE if first else change
    full, terms = proxy_changes.full(attempt, moves, ctx), attempt.terms
    farewell = _farewell(attempt, moves, 0, ctx)
    return [
        *first,
        *attempt.preparation,
        *pending.gives_way(moves, 0, terms, ctx),
        *attempt.once(attempt.outlines),
        *page(moves, wanted, later, full, 0, terms, ctx),
        *(() if terms.no_switch else chain.from_iterable(aftermath(moves, ctx, farewell))),
    ]
