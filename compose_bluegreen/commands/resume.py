"""``resume``: finishes an interrupted deployment, with the steps of any deployment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from compose_bluegreen.deployment.interrupted import InterruptedDeployment, RecoveryAction
from compose_bluegreen.deployment.latest import latest_interrupted
from compose_bluegreen.deployment.pipeline import plan
from compose_bluegreen.deployment.recovery import end_canaries, keep
from compose_bluegreen.domain.deployment import Deployment
from compose_bluegreen.domain.errors import BluegreenError, NeedsPerson, Unhealthy
from compose_bluegreen.domain.hints import Action, Command, Flag, Hint
from compose_bluegreen.domain.states import TRANSITIONS
from compose_bluegreen.domain.step_keys import StepKey, StepKind
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.lock import LockOwner
from compose_bluegreen.steps import hooks, locking, powers, proxy_changes
from compose_bluegreen.steps import rollout as acts
from compose_bluegreen.steps.desired_topology import with_release
from compose_bluegreen.steps.proxy_changes import Placement
from compose_bluegreen.steps.rollout import Rollout
from compose_bluegreen.steps.saga import Saga, Step
from compose_bluegreen.steps.source import DeployOptions

_RELEASE_AGAIN = Hint(
    Action.ABORT,
    " removes it; ",
    Action.UP,
    ", or ",
    Command(Action.ROLLBACK, flags=(Flag.FORCE,)),
    " does it again",
)


def resume(ctx: Context) -> Deployment | None:
    """Raises BluegreenError if no deployment is interrupted, or if a step failed and was undone.
    Raises NeedsPerson if the new colour is live and not healthy."""
    owner = LockOwner(ctx.caller.actor, "resume", ctx.clock.now())
    with locking.until_alone(owner, None, ctx):
        end_canaries(ctx)
        interrupted = latest_interrupted(ctx)
        if not interrupted.rollouts:
            raise BluegreenError(
                f"{interrupted.summary}: its releases are not known",
                hint=Hint(Action.UP, " does it again"),
            )
        _refuse_to_take_over(interrupted, ctx)
        hooks.clear(ctx)
        routes = ctx.proxy.routes()
        behind = [
            rollout
            for rollout in interrupted.rollouts
            if routes.get(rollout.service) is not rollout.idle
        ]
        for rollout in behind:
            moments = hooks.moments_for(goes_back=hooks.goes_back(interrupted.deployment))
            hooks.refuse_untrusted(rollout.release, moments, ctx)
        number = interrupted.deployment.id
        powers.refuse([(number, rollout.release) for rollout in behind], _RELEASE_AGAIN, ctx)
        if behind:
            _continue_with(interrupted, behind, ctx)
        else:
            _check_health(interrupted, ctx)
        keep(interrupted, ctx)
        return ctx.history.get(interrupted.deployment.id)


def _refuse_to_take_over(interrupted: InterruptedDeployment, ctx: Context) -> None:
    existing = [
        container
        for rollout in interrupted.rollouts
        for container in ctx.compose_containers(rollout.service)
        if container.running or interrupted.reading is RecoveryAction.GAP
    ]
    if existing:
        raise BluegreenError(
            f"{interrupted.summary}: {proxy_changes.names(existing)} of your own project has the ports",
            hint=Hint(Action.ABORT, ", then ", Command(Action.UP, flags=(Flag.TAKE_OVER,))),
        )


def _continue_with(
    interrupted: InterruptedDeployment, behind: Sequence[Rollout], ctx: Context
) -> None:
    """Runs all steps for the services that are not switched yet. A failure is undone."""
    saga = Saga(interrupted.deployment, ctx, stays_open=len(behind) < len(interrupted.rollouts))
    with saga:
        saga.register_on_failure(
            hooks.on_failure(behind, interrupted.deployment.id, DeployOptions(), ctx)
        )
        for step in _steps(interrupted.deployment, behind, ctx):
            saga.run(step)


def _steps(deployment: Deployment, rollouts: Sequence[Rollout], ctx: Context) -> Iterator[Step]:
    topology = ctx.proxy.topology()
    if topology is None:
        raise BluegreenError("there is no proxy", hint=Hint(Action.UP, " makes one"))
    for rollout in rollouts:
        topology = with_release(topology, rollout.release, rollout.idle)
    options = DeployOptions(goes_back=hooks.goes_back(deployment))
    change = proxy_changes.allowed_change(topology, rollouts, options, ctx)
    placement = Placement(rollouts, topology, topology, change)
    state = deployment.state
    for step in plan(placement, deployment.id, options, ctx):
        if step.enters and step.enters in TRANSITIONS[state]:
            state = step.enters
            yield step
        else:
            yield replace(step, enters=None)


def _check_health(interrupted: InterruptedDeployment, ctx: Context) -> None:
    """Checks only: the colour is live, so nothing is started again and nothing is removed."""
    saga = Saga(interrupted.deployment, ctx)
    for rollout in interrupted.rollouts:
        step = Step(
            StepKey(StepKind.VERIFY, rollout.service),
            f"check that {rollout.name} is healthy with traffic",
            "it is live already",
            partial(acts.until_healthy, rollout, DeployOptions(), ctx),
        )
        try:
            saga.run(step)
        except Unhealthy as error:
            raise NeedsPerson(
                f"{interrupted.summary}: {error.message}; {interrupted.serves}",
                detail=error.detail,
                hint=Hint(Action.ABORT, " goes back to the previous version"),
            ) from error
