"""Interrupted deployments, and how far each of them came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.deployment import DeployedService, Deployment
from compose_bluegreen.domain.errors import LockLost, NeedsPerson, ProxyFailed, Unhealthy
from compose_bluegreen.domain.hints import RESUME_OR_ABORT
from compose_bluegreen.domain.release import is_worker
from compose_bluegreen.domain.states import WENT_LIVE, Outcome, State, WrongTransition
from compose_bluegreen.domain.topology import Change
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.engine import Container
from compose_bluegreen.steps import health
from compose_bluegreen.steps.rollout import Rollout, is_replaced_stop_first

_LOOK_BACK = 50
"""A stuck deployment is among the newest, because it blocks the next deployment."""


def interrupted_deployments(ctx: Context) -> list[Deployment]:
    """Oldest first: deployments that are running, were killed, or are stuck; complete with services and steps."""
    ids = {deployment.id for deployment in ctx.history.unfinished(ctx.ref)}
    ids |= _stuck(ctx)
    deployments = (ctx.history.get(number) for number in sorted(ids))
    return [deployment for deployment in deployments if deployment]


def _stuck(ctx: Context) -> set[int]:
    """Ids of stuck deployments. A later release that went live has settled the older ones."""
    ids = set()
    for deployment in ctx.history.newest(ctx.project, limit=_LOOK_BACK):
        if deployment.engine != ctx.engine_id:
            continue
        if deployment.state in WENT_LIVE:
            break
        if deployment.state is State.STUCK:
            ids.add(deployment.id)
    return ids


class RecoveryAction(StrEnum):
    """How to recover, given which colour is live now and which colours are healthy."""

    UNTOUCHED = "untouched"
    """It receives no requests: the previous version is still live."""
    ARRIVED = "arrived"
    """Its colour is live and healthy."""
    REVERTS = "reverts"
    """Its colour is live, but was being undone or is unhealthy; the old colour is running and healthy."""
    GAP = "gap"
    """The user's own container was stopped for it, and the proxy does not have the ports yet."""
    UNCLEAR = "unclear"
    """More than one action may be right: a person must decide."""


@dataclass(frozen=True, slots=True)
class InterruptedDeployment:
    """``existing`` are the containers of the user's own project that the deployment stopped. ``why``
    is the reason for UNCLEAR. ``serves`` says what receives the requests now."""

    deployment: Deployment
    reading: RecoveryAction
    serves: str
    rollouts: tuple[Rollout, ...] = ()
    existing: tuple[Container, ...] = ()
    why: str = ""

    @property
    def stopped(self) -> str:
        """Where it stopped, without its number."""
        return f"stopped {stopped_at(self.deployment)}"

    @property
    def summary(self) -> str:
        return f"deployment {self.deployment.id} {self.stopped}"

    def as_needs_person(self) -> NeedsPerson:
        return NeedsPerson(
            f"{self.summary}: {self.why}; {self.serves}",
            hint=RESUME_OR_ABORT,
        )


def stopped_at(deployment: Deployment) -> str:
    return f"at “{deployment.steps[-1].name}”" if deployment.steps else "before its first step"


def inspect_interrupted(
    deployment: Deployment, patience: timedelta, ctx: Context
) -> InterruptedDeployment:
    """Only observes. ``patience`` is how long to wait until a colour is healthy."""
    routes = ctx.proxy.routes()
    rollouts = tuple(_rollout(part, routes.get(part.service), ctx) for part in deployment.parts)
    serves = ", ".join(_serves(part, routes, ctx) for part in deployment.parts)
    interrupted = InterruptedDeployment(
        deployment, RecoveryAction.UNCLEAR, serves or "it started nothing", rollouts
    )
    if deployment.state is State.STUCK:
        return replace(interrupted, why=deployment.reason or "its undo failed")
    routed = [part for part in deployment.parts if routes.get(part.service) is part.colour]
    if not routed:
        return replace(interrupted, reading=RecoveryAction.UNTOUCHED)
    if len(routed) < len(deployment.parts):
        return replace(interrupted, why="only some of its services were switched")
    if existing := _half_taken_over(deployment, ctx):
        running = any(container.running for container in existing)
        if running:
            return replace(interrupted, reading=RecoveryAction.UNTOUCHED)
        names = " and ".join(part.service for part in deployment.parts)
        return replace(
            interrupted,
            reading=RecoveryAction.GAP,
            existing=existing,
            serves=f"no container answers requests for {names}",
        )
    return _with_traffic(interrupted, patience, ctx)


def record_end(deployment: Deployment, state: State, reason: str, ctx: Context) -> None:
    """Ends an interrupted deployment, unless its own command has just recorded that it failed: a command
    that fails before it has the lock records that without the lock."""
    try:
        ctx.history.to(deployment.id, state, ctx.clock.now(), reason)
    except WrongTransition:
        now = ctx.history.get(deployment.id)
        if now and now.state is State.INTERRUPTED:  # without a proxy no lock tells it
            raise LockLost(f"another command has ended deployment {now.id}") from None
        if now is None or now.state is not State.FAILED:
            raise


def why_unhealthy(part: DeployedService, patience: timedelta, ctx: Context) -> str:
    """Why a colour is not healthy; "" if it is."""
    name = f"{part.service}-{part.colour}"
    containers = ctx.colour_containers(part.service, part.colour)
    if not any(container.running for container in containers):
        return f"{name} is not running"
    if any(container.fingerprint != part.release.fingerprint for container in containers):
        return f"{name} runs another release"
    try:
        health.until_healthy(part.service, part.colour, patience, ctx)
    except (Unhealthy, ProxyFailed) as error:
        return error.message
    return ""


def live_part(part: DeployedService, ctx: Context) -> DeployedService | None:
    """The live deployment of the same service in history, if it has the other colour."""
    live = ctx.live_part(part.service)
    return live if live and live.colour is part.colour.other else None


def _with_traffic(
    interrupted: InterruptedDeployment, patience: timedelta, ctx: Context
) -> InterruptedDeployment:
    deployment = interrupted.deployment
    problems = "; ".join(
        text for part in deployment.parts if (text := why_unhealthy(part, patience, ctx))
    )
    undoing = any(step.outcome is Outcome.FAILED for step in deployment.steps)
    if not problems and not undoing:
        return replace(interrupted, reading=RecoveryAction.ARRIVED)
    old = [live_part(part, ctx) for part in deployment.parts]
    missing = "; ".join(
        "no other version is known to be healthy"
        if old_part is None
        else _why_not_back(old_part, patience, ctx)
        for old_part in old
    ).strip("; ")
    if not missing:
        return replace(interrupted, reading=RecoveryAction.REVERTS)
    return replace(interrupted, why=f"{problems or 'it was being undone'}, and {missing}")


def _why_not_back(old: DeployedService, patience: timedelta, ctx: Context) -> str:
    """Why a switch back to it is impossible; "" if it is possible.

    A stop-first worker was removed for the new version, and is started again.
    """
    return (
        ""
        if is_replaced_stop_first(old.release, old.colour, ctx)
        else why_unhealthy(old, patience, ctx)
    )


def _half_taken_over(deployment: Deployment, ctx: Context) -> tuple[Container, ...]:
    """The user's own containers, if the proxy does not have their ports yet."""
    topology = ctx.proxy.topology()
    routes = [topology.route(part.service) for part in deployment.parts] if topology else []
    reachable = all(route and route.reachable for route in routes)
    if topology and reachable and ctx.proxy.change_to(topology) is not Change.RECREATE:
        return ()
    return tuple(
        container for part in deployment.parts for container in ctx.compose_containers(part.service)
    )


def _rollout(part: DeployedService, routed: Colour | None, ctx: Context) -> Rollout:
    old_colour = part.colour.other
    if is_replaced_stop_first(part.release, old_colour, ctx):
        # Its containers were removed: only history knows it.
        old = live_part(part, ctx)
        return Rollout(part.release, old.colour if old else None, part.colour, stop_first=True)
    is_there = routed is old_colour or ctx.colour_containers(part.service, old_colour)
    return Rollout(part.release, old_colour if is_there else None, part.colour)


def _serves(part: DeployedService, routes: Mapping[str, Colour | None], ctx: Context) -> str:
    by_hand = ctx.compose_containers(part.service)
    if names := [container.name for container in by_hand if container.running]:
        return f"{' and '.join(names)} is live"
    routed = routes.get(part.service)
    if routed is None:
        return f"no version of {part.service} is live"
    name = f"{part.service}-{routed}"
    if not is_worker(part.release):
        weight = ctx.proxy.canary_weights().get(part.service)
        canary = f", {part.service}-{routed.other} receives {weight}" if weight else ""
        return f"{name} is live{canary}"
    containers = ctx.colour_containers(part.service, routed)
    return (
        f"{name} is running"
        if any(container.running for container in containers)
        else f"{name} was removed"
    )
