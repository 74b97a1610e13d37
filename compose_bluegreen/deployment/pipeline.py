"""The page: how a release goes live, wherever it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain

from compose_bluegreen.config.hook_settings import Moment
from compose_bluegreen.deployment import pending, recovery
from compose_bluegreen.domain.deployment import DeployedService, Deployment, Kind
from compose_bluegreen.domain.errors import HistoryUnusable, Interrupted, NeedsPerson
from compose_bluegreen.domain.release import Release
from compose_bluegreen.domain.states import State
from compose_bluegreen.domain.step_keys import StepKey, StepKind
from compose_bluegreen.domain.topology import Change, Topology
from compose_bluegreen.ports.context import Context
from compose_bluegreen.steps import hooks, proxy_changes, standby, stop_first
from compose_bluegreen.steps import rollout as acts
from compose_bluegreen.steps.bake import Bake
from compose_bluegreen.steps.canary import Canary
from compose_bluegreen.steps.cleanup import cleanup, leftover
from compose_bluegreen.steps.rollout import Readiness, Rollout, plan_rollouts
from compose_bluegreen.steps.saga import Saga, Step, Undo, run_step
from compose_bluegreen.steps.source import DeployOptions, ReleaseSource


def deploy(source: ReleaseSource, ctx: Context) -> Deployment | None:
    """Makes it live. None if nothing changed, or on a dry run.

    Whatever is raised, what served before still serves; only NeedsPerson says that it may not.
    """
    ctx.history.check_writable()
    new_deployment, options = source.new_deployment, source.options
    if options.tell_plan is None:
        owner = proxy_changes.lock_owner(new_deployment)
        recovery.settle_first(owner, options.patience, ctx)
    rollouts = _moves(source, source.outlines, ctx)
    wanted = proxy_changes.desired_until_take_over(source, rollouts, ctx)
    change = proxy_changes.allowed_change(wanted, rollouts, options, ctx)
    if options.tell_plan:
        for step in _plan_steps(source, rollouts, wanted, change, ctx):
            options.tell_plan(step.name, step.cause)
        return None
    with proxy_changes.under_the_lock(wanted, change, source, ctx):
        return _deploy(source, ctx)


def _deploy(source: ReleaseSource, ctx: Context) -> Deployment | None:
    recovery.settle(ctx)
    with Saga(source.new_deployment, ctx) as saga:
        for step in source.preparation:
            saga.run(step)
        releases = source.releases()
        if not releases:
            saga.discard()
            _tidy(source, ctx)
            return None
        rollouts = _moves(source, releases, ctx)
        wanted = proxy_changes.desired_until_take_over(source, rollouts, ctx)
        change = proxy_changes.allowed_change(wanted, rollouts, source.options, ctx)
        saga.parts([DeployedService(rollout.release, rollout.idle) for rollout in rollouts])
        full, options = proxy_changes.desired(source, rollouts, ctx), source.options
        saga.register_on_failure(hooks.on_failure(rollouts, saga.deployment, options, ctx))
        for step in pending.replace_pending(rollouts, saga.deployment, options, ctx):
            saga.run(step)
        for step in source.once(releases):
            saga.run(step)
        for step in plan(rollouts, wanted, change, full, saga.deployment, options, ctx):
            saga.run(step)
        if options.no_switch:
            saga.leave_waiting()
            return _record(saga.deployment, State.WAITING, ctx)
        return finish(saga, rollouts, ctx, _farewell(source, rollouts, saga.deployment, ctx))


def _moves(source: ReleaseSource, releases: Sequence[Release], ctx: Context) -> list[Rollout]:
    """Only what is to come back as it was may be there already: a new start reads files anew."""
    rollouts = plan_rollouts(releases, ctx)
    return (
        standby.with_readiness(rollouts, ctx)
        if source.new_deployment.kind is Kind.ROLLBACK
        else rollouts
    )


def _farewell(
    source: ReleaseSource, rollouts: Sequence[Rollout], deployment: int, ctx: Context
) -> Iterator[Step]:
    return hooks.on_rollback(source.taken_back, rollouts, deployment, source.options, ctx)


def finish(
    saga: Saga, rollouts: Sequence[Rollout], ctx: Context, once_it_is_gone: Iterable[Step] = ()
) -> Deployment | None:
    """It is live from here on; what is left to do can only warn."""
    saga.promote()
    try:
        for steps in cleanup(rollouts, ctx, once_it_is_gone):
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


def plan(  # noqa: PLR0913, PLR0917 - what it says is what it needs
    rollouts: Sequence[Rollout],
    wanted: Topology,
    change: Change,
    full: Topology,
    deployment: int,
    options: DeployOptions,
    ctx: Context,
) -> Iterator[Step]:
    """What is done, in this order; each step with what takes it back.

    ``wanted`` is what the proxy must know before anything starts, ``full`` what it knows once it
    has taken over from containers of the user's own project.
    """
    early = [rollout for rollout in rollouts if not rollout.stop_first]
    names = acts.named(early)
    hooked = partial(hooks.steps, deployment=deployment, options=options, ctx=ctx)

    if change is not Change.NONE:
        yield proxy_changes.proxy_step(wanted, change, ctx)
    yield from hooked(Moment.PRE_DEPLOY, rollouts)
    if early:
        yield _start(early, options, deployment, ctx)
        yield from hooked(Moment.POST_START, early)
        yield Step(
            StepKey(StepKind.HEALTH),
            f"wait until {names} {acts.are(early)} healthy",
            "nothing unproven gets traffic",
            partial(acts.all_healthy, early, options, ctx),
        )
    if shown := [rollout for rollout in early if wanted.previews(rollout.service)]:
        yield Step(
            StepKey(StepKind.PREVIEW),
            f"show {acts.named(shown)} to who may preview",
            "it is proven, and nobody else meets it",
            partial(acts.show, shown, ctx),
        )
    yield from hooked(Moment.PRE_SWITCH, early)
    if options.no_switch:
        yield pending.hold(rollouts, ctx)
    else:
        yield from from_the_switch_on(rollouts, wanted, full, deployment, options, ctx)


def from_the_switch_on(
    rollouts: Sequence[Rollout],
    wanted: Topology,
    full: Topology,
    deployment: int,
    options: DeployOptions,
    ctx: Context,
) -> Iterator[Step]:
    """The second half, where ``promote`` goes on."""
    names = acts.named(rollouts)
    existing = [one for rollout in rollouts for one in rollout.existing_containers]
    canary, bake = Canary.of(rollouts, options, ctx), Bake.of(rollouts if options.bake else (), ctx)

    yield from canary.steps()
    yield from stop_first.replace_workers(rollouts, deployment, options, ctx)
    for moment in (Moment.POST_START, Moment.PRE_SWITCH):
        late = [rollout for rollout in rollouts if rollout.stop_first]
        yield from hooks.steps(moment, late, deployment, options, ctx)
    yield Step(
        StepKey(StepKind.SWITCH),
        f"switch to {names}",
        "it is healthy" if len(rollouts) == 1 else "all are healthy",
        partial(bake.switch, rollouts),
        Undo("switch back", partial(acts.switch_back, rollouts, ctx)),
        enters=None if canary.begins else State.SWITCHING,
    )
    if existing:
        yield Step(
            StepKey(StepKind.TAKE_OVER),
            f"take over from {proxy_changes.names(existing)}",
            "it holds the ports and the name until now",
            partial(proxy_changes.take_over, existing, full, ctx),
            Undo(
                f"give back to {proxy_changes.names(existing)}",
                partial(proxy_changes.give_back, existing, wanted, ctx),
            ),
        )
    yield Step(
        StepKey(StepKind.VERIFY),
        f"see {names} healthy under traffic",
        "the switch is done",
        partial(acts.still_healthy, rollouts, options, ctx),
    )
    yield from hooks.steps(Moment.POST_SWITCH, rollouts, deployment, options, ctx)
    yield from bake.steps()


def _start(
    rollouts: Sequence[Rollout], options: DeployOptions, deployment: int, ctx: Context
) -> Step:
    """What is warm stays so, whatever becomes of this deployment."""
    cold = [rollout for rollout in rollouts if rollout.ready is not Readiness.WARM]
    undo = Undo(f"remove {acts.named(cold)}", partial(acts.remove_idle, cold, ctx), can_wait=True)
    return Step(
        StepKey(StepKind.START if cold else StepKind.WAKE),
        f"{'start' if cold else 'wake'} {acts.named(rollouts)}",
        acts.why(rollouts) if cold else "it stands by",
        partial(acts.start, rollouts, options, deployment, ctx),
        undo if cold else None,
        enters=State.STARTING,
    )


def _tidy(source: ReleaseSource, ctx: Context) -> None:
    """Nothing to release, but the proxy's own settings may have changed, or a colour been left."""
    wanted = proxy_changes.desired_until_take_over(source, [], ctx)
    change = proxy_changes.allowed_change(wanted, [], source.options, ctx)
    if change is not Change.NONE:
        run_step(proxy_changes.proxy_step(wanted, change, ctx), ctx)
    for step in standby.end_expired(ctx):
        run_step(step, ctx)
    waiting = pending.colours(ctx)
    for rollout in plan_rollouts(source.outlines, ctx):
        if (rollout.service, str(rollout.idle)) in waiting:
            continue
        idle = acts.containers(rollout, rollout.idle, ctx)
        record = ctx.live_deployment(rollout.service)
        if idle and standby.intended_standby(record, rollout.service, idle) is None:
            run_step(leftover(rollout, "it was left over", ctx), ctx)


def _plan_steps(
    source: ReleaseSource, rollouts: list[Rollout], wanted: Topology, change: Change, ctx: Context
) -> list[Step]:
    first = (
        [proxy_changes.proxy_step(wanted, change, ctx)]
        if change in proxy_changes.BEFORE_THE_LOCK
        else []
    )
    later = Change.NONE if first else change
    full, options = proxy_changes.desired(source, rollouts, ctx), source.options
    farewell = _farewell(source, rollouts, 0, ctx)
    return [
        *first,
        *source.preparation,
        *pending.replace_pending(rollouts, 0, options, ctx),
        *source.once(source.outlines),
        *plan(rollouts, wanted, later, full, 0, options, ctx),
        *(() if options.no_switch else chain.from_iterable(cleanup(rollouts, ctx, farewell))),
    ]
