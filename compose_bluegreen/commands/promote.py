"""``promote``: checks the waiting deployment again and switches to it, with the steps of any deployment."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from compose_bluegreen.config.requests import PromoteRequest
from compose_bluegreen.config.settings_reader import restored
from compose_bluegreen.deployment import pending, recovery
from compose_bluegreen.deployment.interrupted import interrupted_deployments
from compose_bluegreen.deployment.pipeline import finish, from_the_switch_on
from compose_bluegreen.deployment.remote_control import send_and_wait
from compose_bluegreen.domain.deployment import Deployment
from compose_bluegreen.domain.errors import BluegreenError, ProxyFailed, Unhealthy
from compose_bluegreen.domain.hints import Action, Command, Flag, Hint
from compose_bluegreen.domain.release import replicas
from compose_bluegreen.domain.states import Outcome, State
from compose_bluegreen.domain.step_keys import StepKey, StepKind
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.lock import ControlSignal, LockOwner
from compose_bluegreen.steps import hooks, locking, powers, proxy_changes
from compose_bluegreen.steps import rollout as acts
from compose_bluegreen.steps.proxy_changes import Placement
from compose_bluegreen.steps.rollout import Rollout
from compose_bluegreen.steps.saga import Saga, Step, Undo
from compose_bluegreen.steps.source import DeployOptions

_RELEASE_AGAIN = Hint(Action.ABORT, " removes it; ", Action.UP, " releases your compose file")


def promote(request: PromoteRequest, ctx: Context) -> Deployment | None:
    """Makes the waiting deployment live.

    If another command is running a canary or a bake, that command receives the signal and continues at
    once. Raises BluegreenError if no deployment is waiting, or if it is not healthy: then it keeps
    waiting. A failure after the switch is undone, as in any other deployment.
    """
    ctx.history.check_writable()
    if ended := send_and_wait(ControlSignal.PROMOTE, ctx.caller.actor, ctx):
        return _by_its_own_command(ended)
    owner = LockOwner(ctx.caller.actor, "promote", ctx.clock.now())
    with locking.until_alone(owner, request.patience, ctx):
        interrupted = interrupted_deployments(ctx)
        recovery.settle(ctx)
        deployment = pending.pending_deployment(ctx)
        if deployment is None:
            return _promoted_before(interrupted, ctx)
        rollouts = pending.rollouts_of(deployment, ctx)
        options = DeployOptions(timeout=request.timeout, bake=request.bake, hooks=request.hooks)
        _refuse_to_take_over(deployment, rollouts, ctx)
        for rollout in rollouts if request.hooks else ():
            hooks.refuse_untrusted(rollout.release, hooks.moments_for(goes_back=True), ctx)
        starts = [rollout.release for rollout in rollouts if rollout.stop_first]
        powers.refuse([(deployment.id, release) for release in starts], _RELEASE_AGAIN, ctx)
        _check_health(
            deployment, [rollout for rollout in rollouts if not rollout.stop_first], options, ctx
        )
        return _switch(deployment, rollouts, options, ctx)


def _by_its_own_command(ended: Deployment) -> Deployment:
    if ended.state is not State.LIVE:
        raise BluegreenError(
            f"deployment {ended.id} is {ended.state}: {ended.reason}",
            hint=Hint(Command(Action.SHOW, deployment=ended.id)),
        )
    return ended


def _promoted_before(interrupted: Sequence[Deployment], ctx: Context) -> Deployment:
    """A deployment whose command was killed after the switch, and that recovery has just recorded as live."""
    for deployment in reversed(interrupted):
        settled = ctx.history.get(deployment.id)
        if settled and settled.state is State.LIVE:
            return settled
    raise BluegreenError(
        f"no deployment of {ctx.project} is waiting for promotion",
        hint=Hint(Command(Action.UP, flags=(Flag.NO_SWITCH,)), " makes a release that does"),
    )


def _refuse_to_take_over(deployment: Deployment, rollouts: Sequence[Rollout], ctx: Context) -> None:
    users = (ctx.compose_containers(rollout.service) for rollout in rollouts)
    first = [
        containers
        for rollout, containers in zip(rollouts, users, strict=True)
        if rollout.live is None
    ]
    if existing := [
        container for containers in first for container in containers if container.running
    ]:
        raise BluegreenError(
            f"deployment {deployment.id} keeps waiting: {proxy_changes.names(existing)} of your own"
            " project is live",
            hint=Hint(Action.ABORT, ", then ", Command(Action.UP, flags=(Flag.TAKE_OVER,))),
        )


def _check_health(
    deployment: Deployment, rollouts: Sequence[Rollout], options: DeployOptions, ctx: Context
) -> None:
    """Checks the health again. A failure needs no undo, because this step changes nothing."""
    names = acts.named(rollouts)
    step = Step(
        StepKey(StepKind.PROMOTE, "health"),
        f"wait until {names} {acts.are(rollouts)} healthy",
        f"its last check was at {deployment.held_since:%Y-%m-%d %H:%M} UTC",
        partial(_check_again, rollouts, options, ctx),
    )
    try:
        Saga(deployment, ctx).run(step, worst=Outcome.WARNED)
    except (Unhealthy, ProxyFailed) as error:
        raise BluegreenError(
            f"deployment {deployment.id} keeps waiting: {error.message}",
            detail=error.detail,
            hint=Hint(Action.PROMOTE, " tries again, ", Action.ABORT, " removes it"),
        ) from error


def _check_again(rollouts: Sequence[Rollout], options: DeployOptions, ctx: Context) -> str:
    """Waits for new checks of HAProxy, and runs each HEALTHCHECK command now: the last results of
    HAProxy and Docker may be as old as their intervals."""
    for rollout in rollouts:
        _refuse_missing_containers(rollout, ctx)
        ctx.proxy.watch(rollout.service, rollout.idle)
    remark = acts.all_healthy(rollouts, options, ctx)
    for rollout in rollouts:
        for container in acts.containers(rollout, rollout.idle, ctx):
            timeout = options.timeout or restored(rollout.release.settings).deploy_timeout
            failed = ctx.engine.probe(container, timeout) if container.health else None
            if failed is not None:
                raise Unhealthy(
                    f"{container.name}: {failed}",
                    detail=ctx.engine.log_tail(container),
                )
    return remark


def _refuse_missing_containers(rollout: Rollout, ctx: Context) -> None:
    """Fails at once if a container is missing, instead of waiting until the timeout."""
    running = [
        container
        for container in acts.containers(rollout, rollout.idle, ctx)
        if container.running and container.fingerprint == rollout.release.fingerprint
    ]
    if len(running) < replicas(rollout.release):
        raise Unhealthy(f"{rollout.name} is not running as it was when it passed its checks")


def _switch(
    deployment: Deployment, rollouts: Sequence[Rollout], options: DeployOptions, ctx: Context
) -> Deployment | None:
    topology = ctx.proxy.topology()
    if topology is None:
        raise BluegreenError("there is no proxy", hint=Hint(Action.STATUS))
    remove = partial(acts.remove_idle, rollouts, ctx)
    with Saga(deployment, ctx) as saga:
        saga.register_on_failure(hooks.on_failure(rollouts, deployment.id, options, ctx))
        saga.register_undo(
            StepKey(StepKind.START), Undo(f"remove {acts.named(rollouts)}", remove, can_wait=True)
        )
        placement = Placement(rollouts, topology, topology)
        for step in from_the_switch_on(placement, deployment.id, options, ctx):
            saga.run(step)
        return finish(saga, rollouts, ctx)
