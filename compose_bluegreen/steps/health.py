"""Every loop that waits, each with a deadline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from compose_bluegreen.domain import durations
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import Unhealthy
from compose_bluegreen.domain.hints import Action, Hint
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.engine import Container
from compose_bluegreen.ports.proxy import NO_TRAFFIC

POLL = 0.02
"""Seconds. Asking HAProxy costs a millisecond, asking the engine two."""

CRASH_LOOP = 3
"""Restarts after which a container that should come up is taken for one that never will."""


@dataclass(frozen=True, slots=True)
class Awaited:
    """A colour of a service, and how long it may take to be well.

    ``settle`` is how long it must have run without ending, where nobody asks it anything and it has
    no HEALTHCHECK.
    """

    service: str
    colour: Colour
    timeout: timedelta
    settle: timedelta = timedelta(0)

    @property
    def name(self) -> str:
        return f"{self.service}-{self.colour}"


@dataclass(frozen=True, slots=True)
class _Seen:
    """Ids of containers whose HEALTHCHECK has passed, what those of others said last, and since when
    each start has been seen."""

    passed: set[str] = field(default_factory=set)
    said: dict[str, str] = field(default_factory=dict)
    since: dict[object, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Look:
    """``unproven`` are those whose own HEALTHCHECK is all that is missing."""

    one: Awaited
    containers: Sequence[Container]
    missing: str | None
    unproven: Sequence[Container] = ()


def until_healthy(service: str, colour: Colour, timeout: timedelta, ctx: Context) -> str:
    return until_all_healthy([Awaited(service, colour, timeout)], ctx)


def until_all_healthy(awaited: Sequence[Awaited], ctx: Context) -> str:
    """Until HAProxy sees every replica of all at the same time, and each one's own HEALTHCHECK has
    passed.

    Docker looks once an interval; we run the same command as soon as HAProxy sees the replica, and
    those of several side by side. Raises Unhealthy with the last log lines, at once where waiting
    can't help.
    """
    began = ctx.clock.monotonic()
    seen = _Seen()
    while True:
        # All of them each time: one that crashes ends the waiting for the others.
        looks = [_look(one, seen, ctx) for one in awaited]
        _probe([each for look in looks for each in look.unproven], seen, ctx)
        well = [_is_well(look, began, seen, ctx) for look in looks]
        if all(well):
            break
        ctx.clock.sleep(POLL)
    return "" if not seen.passed else "HEALTHCHECK passed"


def _look(one: Awaited, seen: _Seen, ctx: Context) -> _Look:
    """Raises Unhealthy where it can't get well any more."""
    containers = ctx.colour_containers(one.service, one.colour)
    for container in containers:
        _give_up_on(container, ctx)
    if missing := _missing(one, containers, seen, ctx):
        return _Look(one, containers, missing)
    asked = [each for each in containers if each.health and each.id not in seen.passed]
    return _Look(one, containers, None, asked)


def _probe(containers: Sequence[Container], seen: _Seen, ctx: Context) -> None:
    seen.passed.update(each.id for each in containers if each.health == "healthy")
    unsure = [each for each in containers if each.health != "healthy"]
    if not unsure:
        return
    for each, said in zip(unsure, ctx.engine.probe_all(unsure), strict=True):
        if said is None:
            seen.passed.add(each.id)
        else:
            seen.said[each.id] = f"its HEALTHCHECK says: {said.strip() or 'nothing'}"


def _is_well(look: _Look, began: float, seen: _Seen, ctx: Context) -> bool:
    """Raises Unhealthy where its time is up."""
    sick = (seen.said[each.id] for each in look.unproven if each.id not in seen.passed)
    missing = look.missing or next(sick, None)
    if missing is None:
        return True
    one = look.one
    if ctx.clock.monotonic() - began < one.timeout.total_seconds():
        return False
    raise Unhealthy(
        f"{one.name} was not healthy within {durations.show(one.timeout)}: {missing}",
        detail=last_lines(look.containers, ctx),
        hint="look at the log above; a slow start needs a longer deploy_timeout or --timeout",
    )


def _missing(
    one: Awaited, containers: Sequence[Container], seen: _Seen, ctx: Context
) -> str | None:
    servers = ctx.proxy.health(one.service, one.colour)
    for server in servers:
        if not server.up:
            return f"HAProxy says {server.status} ({server.check or 'not checked yet'}) of {server.address}"
    unasked = any(server.status == NO_TRAFFIC for server in servers)
    if unasked and (said := _runs_too_short(one, containers, len(servers), seen, ctx)):
        return said
    return None if servers else "HAProxy doesn't know it"


def _runs_too_short(
    one: Awaited, containers: Sequence[Container], wanted: int, seen: _Seen, ctx: Context
) -> str | None:
    """HAProxy doesn't look at what nobody asks: it has to run, and go on doing so."""
    now, running = ctx.clock.monotonic(), [each for each in containers if each.running]
    if len(running) < wanted:
        return "it doesn't run"
    for each in running:
        since = seen.since.setdefault((each.id, each.started_at), now)
        if each.health is None and now - since < one.settle.total_seconds():
            return f"it has not run for {durations.show(one.settle)} yet"
    return None


def _give_up_on(container: Container, ctx: Context) -> None:
    problem = None
    if container.restarts >= CRASH_LOOP:
        last = f", the last time with exit code {container.exit_code}"
        problem = f"crashed {container.restarts} times{'' if container.running else last}"
    elif container.status in ("exited", "dead"):
        problem = f"ended with exit code {container.exit_code}"
    elif container.health == "unhealthy":
        problem = "is unhealthy: its HEALTHCHECK failed too often"
    if problem:
        raise Unhealthy(
            f"{container.name} {problem}",
            detail=ctx.engine.log_tail(container),
            hint=Hint(
                "mend it and run ",
                Action.UP,
                " again; a start that is only slow needs start_period in its healthcheck",
            ),
        )


def last_lines(containers: Iterable[Container], ctx: Context) -> str:
    """Of the log of each."""
    return "\n".join(text for one in containers if (text := ctx.engine.log_tail(one)))
