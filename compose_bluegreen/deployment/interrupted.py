"""Deployments that were begun and have no end, and how far each got."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.deployment import DeployedService, Deployment
from compose_bluegreen.domain.errors import NeedsPerson, ProxyFailed, Unhealthy
from compose_bluegreen.domain.hints import RESUME_OR_ABORT
from compose_bluegreen.domain.release import is_worker
from compose_bluegreen.domain.states import ROLLBACK_CANDIDATES, Outcome, State
from compose_bluegreen.domain.topology import Change
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.engine import Container
from compose_bluegreen.steps import health
from compose_bluegreen.steps.rollout import Rollout, is_replaced_stop_first

_LOOK_BACK = 50
"""Nothing is deployed past one that is stuck, so it is among the newest."""


def interrupted_deployments(ctx: Context) -> list[Deployment]:
    """Oldest first: under way, killed, or stuck. With what is needed to finish them."""
    ids = {one.id for one in ctx.history.unfinished(ctx.ref)}
    ids |= _stuck(ctx)
    found = (ctx.history.get(one) for one in sorted(ids))
    return [one for one in found if one]


def _stuck(ctx: Context) -> set[int]:
    """Not what somebody has deployed past: a later release that went live has settled it."""
    found = set()
    for one in ctx.history.newest(ctx.project, limit=_LOOK_BACK):
        if one.engine != ctx.engine_id:
            continue
        if one.state in ROLLBACK_CANDIDATES | {State.ROLLED_BACK}:
            break
        if one.state is State.STUCK:
            found.add(one.id)
    return found


class RecoveryAction(StrEnum):
    """What can be made of it, from where traffic goes now and from who is well."""

    UNTOUCHED = "untouched"
    """It has no traffic: what served before it serves."""
    ARRIVED = "arrived"
    """Its colour has the traffic and is well."""
    REVERTS = "reverts"
    """It has the traffic and was being undone, or is sick; the old colour is there and well."""
    GAP = "gap"
    """The user's own container was stopped for it, and the proxy hasn't its ports yet."""
    UNCLEAR = "unclear"
    """More than one thing may be right."""


@dataclass(frozen=True, slots=True)
class InterruptedDeployment:
    """``existing`` are containers of the user's own project that it has stopped; ``why`` is what
    makes it unclear."""

    deployment: Deployment
    reading: RecoveryAction
    serves: str
    rollouts: tuple[Rollout, ...] = ()
    existing: tuple[Container, ...] = ()
    why: str = ""

    @property
    def stopped(self) -> str:
        """Where, without the deployment's number."""
        return f"stopped {stopped_at(self.deployment)}"

    @property
    def told(self) -> str:
        return f"deployment {self.deployment.id} {self.stopped}"

    def as_needs_person(self) -> NeedsPerson:
        return NeedsPerson(
            f"{self.told}: {self.why}; {self.serves}",
            hint=RESUME_OR_ABORT,
        )


def stopped_at(deployment: Deployment) -> str:
    return f"at “{deployment.steps[-1].name}”" if deployment.steps else "before its first step"


def inspect_interrupted(
    deployment: Deployment, patience: timedelta, ctx: Context
) -> InterruptedDeployment:
    """``patience`` is how long a colour may take to be seen well. Looks only."""
    routes = ctx.proxy.routes()
    rollouts = tuple(_move(part, routes.get(part.service), ctx) for part in deployment.parts)
    serves = ", ".join(_serves(part, routes, ctx) for part in deployment.parts)
    found = InterruptedDeployment(
        deployment, RecoveryAction.UNCLEAR, serves or "it started nothing", rollouts
    )
    if deployment.state is State.STUCK:
        return replace(found, why=deployment.reason or "its undoing failed")
    routed = [one for one in deployment.parts if routes.get(one.service) is one.colour]
    if not routed:
        return replace(found, reading=RecoveryAction.UNTOUCHED)
    if len(routed) < len(deployment.parts):
        return replace(found, why="only a part of its services has the traffic")
    if existing := _taken_over_by_halves(deployment, ctx):
        running = any(one.running for one in existing)
        if running:
            return replace(found, reading=RecoveryAction.UNTOUCHED)
        names = " and ".join(part.service for part in deployment.parts)
        return replace(
            found, reading=RecoveryAction.GAP, existing=existing, serves=f"nobody serves {names}"
        )
    return _with_traffic(found, patience, ctx)


def why_unhealthy(part: DeployedService, patience: timedelta, ctx: Context) -> str:
    """What is wrong with a colour, "" if it is well."""
    name = f"{part.service}-{part.colour}"
    containers = ctx.colour_containers(part.service, part.colour)
    if not any(one.running for one in containers):
        return f"{name} doesn't run"
    if any(one.fingerprint != part.release.fingerprint for one in containers):
        return f"{name} runs another release"
    try:
        health.until_healthy(part.service, part.colour, patience, ctx)
    except (Unhealthy, ProxyFailed) as error:
        return error.message
    return ""


def live_part(part: DeployedService, ctx: Context) -> DeployedService | None:
    """What history has as live of the same service, in the other colour."""
    found = ctx.live_part(part.service)
    return found if found and found.colour is part.colour.other else None


def _with_traffic(
    found: InterruptedDeployment, patience: timedelta, ctx: Context
) -> InterruptedDeployment:
    deployment = found.deployment
    wrong = "; ".join(
        text for one in deployment.parts if (text := why_unhealthy(one, patience, ctx))
    )
    undoing = any(step.outcome is Outcome.FAILED for step in deployment.steps)
    if not wrong and not undoing:
        return replace(found, reading=RecoveryAction.ARRIVED)
    old = [live_part(part, ctx) for part in deployment.parts]
    missing = "; ".join(
        "nothing else is known to be well" if one is None else _unfit(one, patience, ctx)
        for one in old
    ).strip("; ")
    if not missing:
        return replace(found, reading=RecoveryAction.REVERTS)
    return replace(found, why=f"{wrong or 'it was being undone'}, and {missing}")


def _unfit(old: DeployedService, patience: timedelta, ctx: Context) -> str:
    """What hinders going back to it; one that was taken away for the new one is started again."""
    return (
        ""
        if is_replaced_stop_first(old.release, old.colour, ctx)
        else why_unhealthy(old, patience, ctx)
    )


def _taken_over_by_halves(deployment: Deployment, ctx: Context) -> tuple[Container, ...]:
    """The proxy proves it already, but hasn't the ports of the user's own container."""
    topology = ctx.proxy.topology()
    routes = [topology.route(part.service) for part in deployment.parts] if topology else []
    reachable = all(route and route.reachable for route in routes)
    if topology and reachable and ctx.proxy.change_to(topology) is not Change.RECREATE:
        return ()
    return tuple(one for part in deployment.parts for one in ctx.compose_containers(part.service))


def _move(part: DeployedService, routed: Colour | None, ctx: Context) -> Rollout:
    other = part.colour.other
    if is_replaced_stop_first(part.release, other, ctx):
        # Nothing of it is left: it is known by history alone.
        old = live_part(part, ctx)
        return Rollout(part.release, old.colour if old else None, part.colour, stop_first=True)
    is_there = routed is other or ctx.colour_containers(part.service, other)
    return Rollout(part.release, other if is_there else None, part.colour)


def _serves(part: DeployedService, routes: Mapping[str, Colour | None], ctx: Context) -> str:
    by_hand = ctx.compose_containers(part.service)
    if own := [one.name for one in by_hand if one.running]:
        return f"{' and '.join(own)} serves"
    routed = routes.get(part.service)
    if routed is None:
        return f"nobody serves {part.service}"
    name = f"{part.service}-{routed}"
    if not is_worker(part.release):
        share = ctx.proxy.canary_weights().get(part.service)
        other = f", {part.service}-{routed.other} {share} of it" if share else ""
        return f"{name} serves{other}"
    there = ctx.colour_containers(part.service, routed)
    return f"{name} works" if any(one.running for one in there) else f"{name} was taken away"
