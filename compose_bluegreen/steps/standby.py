"""What stands by: the colour that served before, so that a rollback is one switch.

Nobody of ours is there to end it: what is over goes with the next command that changes anything.
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
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.engine import Container
from compose_bluegreen.steps import rollout as acts
from compose_bluegreen.steps.rollout import Move, Readiness
from compose_bluegreen.steps.saga import Step

Old = Sequence[tuple[Move, Colour]]


@dataclass(frozen=True, slots=True)
class Standby:
    """``until`` None: until the next release of the service."""

    until: datetime | None

    def is_over(self, now: datetime) -> bool:
        return self.until is not None and now >= self.until


def meant(record: Deployment | None, service: str, idle: Sequence[Container]) -> Standby | None:
    """Whether what has no traffic was left there on purpose, by what history has as live."""
    part = record.part(service) if record else None
    if record is None or part is None or not idle or not are_older(idle, record.id):
        return None
    wish = restored(part.release.settings).standby
    if isinstance(wish, timedelta):
        return Standby((record.finished_at or record.started_at) + wish)
    return Standby(None) if wish == STOPPED else None


def readied(moves: Sequence[Move], ctx: Context) -> list[Move]:
    """Which of them need not be started, for the very release stands by."""
    return [replace(move, ready=_readiness(move, ctx)) for move in moves]


def retire(old: Old, ctx: Context) -> Iterator[Step]:
    """What becomes of the colours that have just lost their traffic, once they are drained."""

    def wish(one: tuple[Move, Colour]) -> str:
        found = restored(one[0].release.settings).standby
        return show(found) if isinstance(found, timedelta) else found

    for how, group in groupby(sorted(old, key=wish), key=wish):
        which = list(group)
        names = acts.those(which)
        if how == REMOVED:
            yield Step(f"remove {names}", "it is drained", partial(acts.remove_all, which, ctx))
        elif how == STOPPED:
            yield Step(f"stop {names}", "standby: stopped", partial(acts.stop_all, which, ctx))
        else:
            yield Step(f"let {names} stand by", f"standby: {how}", _nothing)


def over(ctx: Context) -> list[tuple[Move, Colour]]:
    """Colours that have stood by for as long as they were meant to."""
    found, now = [], ctx.clock.now()
    for service, live in acts.live(ctx).items():
        idle = ctx.colour_containers(service, live.other)
        record = ctx.live_deployment(service) if idle else None
        part = record.part(service) if record else None
        standby = meant(record, service, idle)
        if part and part.colour is live and standby and standby.is_over(now):
            found.append((Move(part.release, live, live.other), live.other))
    return found


def end(ctx: Context) -> Iterator[Step]:
    """One step, where any is over."""
    if old := over(ctx):
        names = acts.those(old)
        yield Step(f"remove {names}", "its standby is over", partial(acts.remove_all, old, ctx))


def _nothing() -> None:
    """It stays as it is: HAProxy goes on checking it."""


def are_older(containers: Sequence[Container], deployment: int) -> bool:
    """Made by a deployment before: what a later one left over is no standby."""
    return all(one.deployment is not None and one.deployment < deployment for one in containers)


def _readiness(move: Move, ctx: Context) -> Readiness:
    found = acts.containers(move, move.idle, ctx)
    same = all(one.fingerprint == move.release.fingerprint for one in found)
    if not same or len(found) != replicas(move.release):
        return Readiness.NONE
    if all(one.status == "exited" for one in found):
        return Readiness.STOPPED
    if not all(one.running and one.health != "unhealthy" for one in found):
        return Readiness.NONE
    servers = ctx.proxy.health(move.service, move.idle)
    return Readiness.WARM if all(one.up for one in servers) else Readiness.NONE
