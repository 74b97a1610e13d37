"""``resume``: the unfinished deployment is brought to its end, by the page of every other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
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
from compose_bluegreen.steps import hooks, locking, proxy_changes
from compose_bluegreen.steps import rollout as acts
from compose_bluegreen.steps.desired_topology import with_release
from compose_bluegreen.steps.proxy_changes import Placement
from compose_bluegreen.steps.rollout import Rollout
from compose_bluegreen.steps.saga import Saga, Step
from compose_bluegreen.steps.source import DeployOptions

_NOW = timedelta(0)


def resume(ctx: Context) -> Deployment | None:
    """Raises BluegreenError where nothing is unfinished, or what it began was undone;
    NeedsPerson where its colour has the traffic and isn't well."""
    owner = LockOwner(ctx.caller.actor, "resume", ctx.clock.now())
    with locking.until_alone(owner, None, ctx):
        end_canaries(ctx)
        found = latest_interrupted(ctx)
        if not found.rollouts:
            raise BluegreenError(
                f"{found.told}: what it would have released isn't known",
                hint=Hint(Action.UP, " does it again"),
            )
        _refuse_to_take_over(found, ctx)
        hooks.clear(ctx)
        routes = ctx.proxy.routes()
        behind = [
            rollout for rollout in found.rollouts if routes.get(rollout.service) is not rollout.idle
        ]
        for rollout in behind:
            moments = hooks.moments_for(goes_back=hooks.goes_back(found.deployment))
            hooks.refuse_untrusted(rollout.release, moments, ctx)
        if behind:
            _bring(found, behind, ctx)
        else:
            _prove(found, ctx)
        keep(found, ctx)
        return ctx.history.get(found.deployment.id)


def _refuse_to_take_over(found: InterruptedDeployment, ctx: Context) -> None:
    own = [
        one
        for rollout in found.rollouts
        for one in ctx.compose_containers(rollout.service)
        if one.running or found.reading is RecoveryAction.GAP
    ]
    if own:
        raise BluegreenError(
            f"{found.told}: {proxy_changes.names(own)} of your own project has its ports",
            hint=Hint(Action.ABORT, ", then ", Command(Action.UP, flags=(Flag.TAKE_OVER,))),
        )


def _bring(found: InterruptedDeployment, behind: Sequence[Rollout], ctx: Context) -> None:
    """What hasn't the traffic yet goes the whole way; undone if it fails."""
    saga = Saga(found.deployment, ctx, stays_open=len(behind) < len(found.rollouts))
    with saga:
        saga.register_on_failure(
            hooks.on_failure(behind, found.deployment.id, DeployOptions(), ctx)
        )
        for step in _steps(found.deployment, behind, ctx):
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


def _prove(found: InterruptedDeployment, ctx: Context) -> None:
    """It has the traffic: nothing can be started anew, and nothing is taken from it here."""
    saga = Saga(found.deployment, ctx)
    for rollout in found.rollouts:
        step = Step(
            StepKey(StepKind.VERIFY, rollout.service),
            f"see {rollout.name} healthy under traffic",
            "it has the traffic already",
            partial(acts.until_healthy, rollout, DeployOptions(), ctx),
        )
        try:
            saga.run(step)
        except Unhealthy as error:
            raise NeedsPerson(
                f"{found.told}: {error.message}; {found.serves}",
                detail=error.detail,
                hint=Hint(Action.ABORT, " goes back to what served before"),
            ) from error
