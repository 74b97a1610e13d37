"""Standby: the old colour stays for a while, so that a rollback is only a switch.

No process of compose-bluegreen runs in the background: the next command that changes anything removes
an expired standby.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby

from compose_bluegreen.config.settings_reader import restored
from compose_bluegreen.config.types import REMOVED, STOPPED
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.deployment import Deployment
from compose_bluegreen.domain.durations import show
from compose_bluegreen.domain.release import replicas
from compose_bluegreen.domain.step_keys import StepKey, StepKind
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.engine import Container
from compose_bluegreen.steps import rollout as acts
from compose_bluegreen.steps.rollout import Readiness, Rollout
from compose_bluegreen.steps.saga import Step

Old = Sequence[tuple[Rollout, Colour]]


@dataclass(frozen=True, slots=True)
class Standby:
    """``until`` None: the standby lasts until the next release of the service."""

    until: datetime | None

    def is_over(self, now: datetime) -> bool:
        return self.until is not None and now >= self.until


def intended_standby(
    record: Deployment | None, service: str, idle: Sequence[Container]
) -> Standby | None:
    """The standby for which the live deployment left the idle containers; None if it left none."""
    part = record.part(service) if record else None
    if record is None or part is None or not idle or not are_older(idle, record.id):
        return None
    policy = restored(part.release.settings).standby
    if isinstance(policy, timedelta):
        return Standby((record.finished_at or record.started_at) + policy)
    return Standby(None) if policy == STOPPED else None


def is_leftover(rollout: Rollout, ctx: Context) -> bool:
    """Whether the idle colour has containers that the live deployment did not leave on standby."""
    idle = acts.containers(rollout, rollout.idle, ctx)
    if not idle:
        return False
    record = ctx.live_deployment(rollout.service)
    return intended_standby(record, rollout.service, idle) is None


def with_readiness(rollouts: Sequence[Rollout], ctx: Context) -> list[Rollout]:
    """Marks rollouts whose release is on standby already."""
    return [replace(rollout, ready=_readiness(rollout, ctx)) for rollout in rollouts]


def retire(old: Old, ctx: Context) -> Iterator[Step]:
    """Removes, stops or keeps the old colours after their drain."""

    def standby_of(old_colour: tuple[Rollout, Colour]) -> str:
        standby = restored(old_colour[0].release.settings).standby
        return show(standby) if isinstance(standby, timedelta) else standby

    for policy, group in groupby(sorted(old, key=standby_of), key=standby_of):
        colours = list(group)
        names, about = (
            acts.colour_names(colours),
            acts.services([rollout for rollout, _ in colours]),
        )
        if policy == REMOVED:
            yield Step(
                StepKey(StepKind.RETIRE, "remove"),
                f"remove {names}",
                "it is drained",
                partial(acts.remove_all, colours, ctx),
                services=about,
            )
        elif policy == STOPPED:
            yield Step(
                StepKey(StepKind.RETIRE, "stop"),
                f"stop {names}",
                "standby: stopped",
                partial(acts.stop_all, colours, ctx),
                services=about,
            )
        else:
            yield Step(
                StepKey.of(StepKind.RETIRE, "standby", policy),
                f"keep {names} on standby",
                f"standby: {policy}",
                _nothing,
                services=about,
            )


def expired(ctx: Context) -> list[tuple[Rollout, Colour]]:
    """Colours whose standby is over."""
    colours, now = [], ctx.clock.now()
    for service, live in acts.live(ctx).items():
        idle = ctx.colour_containers(service, live.other)
        record = ctx.live_deployment(service) if idle else None
        part = record.part(service) if record else None
        standby = intended_standby(record, service, idle)
        if part and part.colour is live and standby and standby.is_over(now):
            colours.append((Rollout(part.release, live, live.other), live.other))
    return colours


def end_expired(ctx: Context) -> Iterator[Step]:
    """One step, if any standby is over."""
    if old := expired(ctx):
        names = acts.colour_names(old)
        yield Step(
            StepKey(StepKind.REMOVE, "standby"),
            f"remove {names}",
            "its standby is over",
            partial(acts.remove_all, old, ctx),
        )


def _nothing() -> None:
    """Changes nothing: HAProxy continues its health checks."""


def are_older(containers: Sequence[Container], deployment: int) -> bool:
    """Whether an earlier deployment created them. Containers of a later one are leftovers, not standby."""
    return all(
        container.deployment is not None and container.deployment < deployment
        for container in containers
    )


def _readiness(rollout: Rollout, ctx: Context) -> Readiness:
    containers = acts.containers(rollout, rollout.idle, ctx)
    same = all(container.fingerprint == rollout.release.fingerprint for container in containers)
    if not same or len(containers) != replicas(rollout.release):
        return Readiness.NONE
    if all(container.status == "exited" for container in containers):
        return Readiness.STOPPED
    if not all(container.running and container.health != "unhealthy" for container in containers):
        return Readiness.NONE
    servers = ctx.proxy.health(rollout.service, rollout.idle)
    return Readiness.WARM if all(server.up for server in servers) else Readiness.NONE
