"""The order of a deployment: how a release goes live, from the compose file or from history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain

from compose_bluegreen.config.hook_settings import Moment
from compose_bluegreen.deployment import pending, recovery
from compose_bluegreen.domain.deployment import DeployedService, Deployment, Kind
from compose_bluegreen.domain.errors import HistoryUnusable, Interrupted, NeedsPerson
from compose_bluegreen.domain.hints import Action, Hint
from compose_bluegreen.domain.release import Release
from compose_bluegreen.domain.states import State
from compose_bluegreen.domain.step_keys import StepKey, StepKind
from compose_bluegreen.domain.topology import Change
from compose_bluegreen.ports.context import Context
from compose_bluegreen.steps import companion, hooks, locking, proxy_changes, standby, stop_first
from compose_bluegreen.steps import rollout as acts
from compose_bluegreen.steps.bake import Bake
from compose_bluegreen.steps.canary import Canary
from compose_bluegreen.steps.cleanup import cleanup, leftover
from compose_bluegreen.steps.proxy_changes import Placement
from compose_bluegreen.steps.rollout import Readiness, Rollout, plan_rollouts, services
from compose_bluegreen.steps.saga import Saga, Step, Undo, run_step
from compose_bluegreen.steps.source import DeployOptions, ReleaseSource
from compose_bluegreen.steps.switch import switch


def deploy(source: ReleaseSource, ctx: Context) -> Deployment | None:
    """Makes the releases of ``source`` live. None if nothing changed, or on a dry run.

    After any error the previous version is still live, except after NeedsPerson.
    """
    ctx.history.check_writable()
    companion.refuse_foreign_containers(ctx)
    options = source.options
    if options.tell_plan is None:
        owner = proxy_changes.lock_owner(source.new_deployment)
        recovery.settle_first(owner, options.patience, ctx)
    # A deployment is refused before a build takes minutes. The placement is computed again under the
    # lock, because another command may have held the lock until then.
    placement = _place(source, source.outlines, ctx)
    if options.tell_plan:
        for step in _whole_plan(source, placement, ctx):
            options.tell_plan(step.planned)
        return None
    with proxy_changes.under_the_lock(placement, source, ctx):
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
        placement = _place(source, releases, ctx)
        rollouts, options = placement.rollouts, source.options
        saga.parts([DeployedService(rollout.release, rollout.idle) for rollout in rollouts])
        saga.register_on_failure(hooks.on_failure(rollouts, saga.deployment, options, ctx))
        for step in _steps(source, releases, placement, saga.deployment, ctx):
            saga.run(step)
        if options.no_switch:
            saga.leave_waiting()
            return _record(saga.deployment, State.WAITING, ctx)
        return finish(saga, rollouts, ctx, _rollback_hooks(source, rollouts, saga.deployment, ctx))


def _place(source: ReleaseSource, releases: Sequence[Release], ctx: Context) -> Placement:
    """A rollback may find its colours on standby. A new release always starts new containers."""
    rollouts = plan_rollouts(releases, ctx)
    if source.new_deployment.kind is Kind.ROLLBACK:
        rollouts = standby.with_readiness(rollouts, ctx)
    return proxy_changes.place(source, rollouts, ctx)


# ── the plan ─────────────────────────────────────────────────────────────────────────────────


def _steps(
    source: ReleaseSource,
    releases: Sequence[Release],
    placement: Placement,
    deployment: int,
    ctx: Context,
) -> list[Step]:
    """All steps from the images to the last one that can be undone, before the first of them runs."""
    return [
        *pending.replace_pending(placement.rollouts, deployment, source.options, ctx),
        *source.once(releases),
        *plan(placement, deployment, source.options, ctx),
    ]


def plan(
    placement: Placement, deployment: int, options: DeployOptions, ctx: Context
) -> Iterator[Step]:
    """All steps in their order; each step has its undo."""
    rollouts = placement.rollouts
    early = [rollout for rollout in rollouts if not rollout.stop_first]
    hooked = partial(hooks.steps, deployment=deployment, options=options, ctx=ctx)

    if placement.change is not Change.NONE:
        yield proxy_changes.proxy_step(placement.until_take_over, placement.change, ctx)
    yield from hooked(Moment.PRE_DEPLOY, rollouts)
    if early:
        yield _start(early, options, deployment, ctx)
        yield from hooked(Moment.POST_START, early)
        yield _until_healthy(early, options, ctx)
    yield from _preview(placement, early, ctx)
    yield from hooked(Moment.PRE_SWITCH, early)
    if options.no_switch:
        yield pending.hold(rollouts, ctx)
    else:
        yield from from_the_switch_on(placement, deployment, options, ctx)


def from_the_switch_on(
    placement: Placement, deployment: int, options: DeployOptions, ctx: Context
) -> Iterator[Step]:
    """The second half of the plan, which ``promote`` runs too."""
    rollouts = placement.rollouts
    late = [rollout for rollout in rollouts if rollout.stop_first]
    canary, bake = Canary.of(rollouts, options, ctx), Bake.of(rollouts if options.bake else (), ctx)
    hooked = partial(hooks.steps, deployment=deployment, options=options, ctx=ctx)

    yield from canary.steps()
    yield from stop_first.replace_workers(rollouts, deployment, options, ctx)
    yield from hooked(Moment.POST_START, late)
    yield from hooked(Moment.PRE_SWITCH, late)
    yield switch(rollouts, bake, ctx, enters=None if canary.begins else State.SWITCHING)
    yield from proxy_changes.take_over_steps(placement, ctx)
    yield _verify(rollouts, options, ctx)
    yield from hooked(Moment.POST_SWITCH, rollouts)
    yield from bake.steps()


def _start(
    rollouts: Sequence[Rollout], options: DeployOptions, deployment: int, ctx: Context
) -> Step:
    """A colour that runs on standby keeps running, whatever the result of this deployment is."""
    cold = [rollout for rollout in rollouts if rollout.ready is not Readiness.WARM]
    undo = Undo(f"remove {acts.named(cold)}", partial(acts.remove_idle, cold, ctx), can_wait=True)
    return Step(
        StepKey(StepKind.START if cold else StepKind.WAKE),
        f"start {acts.named(rollouts)}" if cold else f"use {acts.named(rollouts)} from standby",
        acts.why(rollouts)
        if cold
        else f"{'it' if len(rollouts) == 1 else 'each'} is running already",
        partial(acts.start, rollouts, options, deployment, ctx),
        undo if cold else None,
        enters=State.STARTING,
        services=services(rollouts),
    )


def _until_healthy(rollouts: Sequence[Rollout], options: DeployOptions, ctx: Context) -> Step:
    return Step(
        StepKey(StepKind.HEALTH),
        f"wait until {acts.named(rollouts)} {acts.are(rollouts)} healthy",
        "only healthy colours receive requests",
        partial(acts.all_healthy, rollouts, options, ctx),
        services=services(rollouts),
    )


def _preview(placement: Placement, early: Sequence[Rollout], ctx: Context) -> Iterator[Step]:
    topology = placement.until_take_over
    if shown := [rollout for rollout in early if topology.previews(rollout.service)]:
        yield Step(
            StepKey(StepKind.PREVIEW),
            f"open {acts.named(shown)} to preview users",
            "it is healthy, and other users do not reach it",
            partial(acts.show, shown, ctx),
            services=services(shown),
        )


def _verify(rollouts: Sequence[Rollout], options: DeployOptions, ctx: Context) -> Step:
    return Step(
        StepKey(StepKind.VERIFY),
        f"check that {acts.named(rollouts)} {acts.are(rollouts)} healthy with traffic",
        "the switch is done",
        partial(acts.still_healthy, rollouts, options, ctx),
        services=services(rollouts),
    )


def _whole_plan(source: ReleaseSource, placement: Placement, ctx: Context) -> list[Step]:
    """For a dry run: the same steps in the same order, and also the steps before and after the saga."""
    first = placement.change in locking.BEFORE_THE_LOCK
    later = placement.without_change() if first else placement
    rollouts, options = placement.rollouts, source.options
    after = cleanup(rollouts, ctx, _rollback_hooks(source, rollouts, 0, ctx))
    return [
        *(proxy_changes.steps_before_the_lock(placement, ctx) if first else ()),
        *source.preparation,
        *_steps(source, source.outlines, later, 0, ctx),
        *(() if options.no_switch else chain.from_iterable(after)),
    ]


# ── the end ──────────────────────────────────────────────────────────────────────────────────


def finish(
    saga: Saga, rollouts: Sequence[Rollout], ctx: Context, after_cleanup: Iterable[Step] = ()
) -> Deployment | None:
    """From here on the deployment is live: a failure of the cleanup is only a warning."""
    saga.promote()
    try:
        for steps in cleanup(rollouts, ctx, after_cleanup):
            all(saga.attempt(step) for step in steps)
        return _record(saga.deployment, State.LIVE, ctx)
    except Interrupted as error:
        raise Interrupted(
            f"interrupted after the switch: deployment {saga.deployment} stays live",
            hint=Hint(Action.STATUS, " shows what is left over; the next up removes it"),
        ) from error


def _rollback_hooks(
    source: ReleaseSource, rollouts: Sequence[Rollout], deployment: int, ctx: Context
) -> Iterator[Step]:
    return hooks.on_rollback(source.taken_back, rollouts, deployment, source.options, ctx)


def _record(deployment: int, state: State, ctx: Context) -> Deployment | None:
    try:
        return ctx.history.get(deployment)
    except HistoryUnusable as error:
        raise NeedsPerson(
            f"deployment {deployment} stays {state}, but history can't be read: {error.message}",
            hint=error.hint,
            detail=error.detail,
        ) from error


def _tidy(source: ReleaseSource, ctx: Context) -> None:
    """Without a new release: applies changed proxy settings, and removes leftovers."""
    placement = proxy_changes.place(source, [], ctx)
    if placement.change is not Change.NONE:
        step = proxy_changes.proxy_step(placement.until_take_over, placement.change, ctx)
        run_step(step, ctx)
    for step in standby.end_expired(ctx):
        run_step(step, ctx)
    waiting = pending.colours(ctx)
    for rollout in plan_rollouts(source.outlines, ctx):
        if (rollout.service, str(rollout.idle)) in waiting:
            continue
        if standby.is_leftover(rollout, ctx):
            run_step(leftover(rollout, "it is a leftover", ctx), ctx)
