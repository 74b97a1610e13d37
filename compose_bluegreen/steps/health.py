"""Waits until colours are healthy, with a deadline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from compose_bluegreen.domain import durations
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import Unhealthy
from compose_bluegreen.domain.hints import Action, Hint
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.engine import Container, FailedProbe
from compose_bluegreen.ports.proxy import NO_TRAFFIC

POLL = 0.02
"""Seconds. A query of HAProxy costs one millisecond, a query of the engine two."""

_LAST_PROBE = timedelta(seconds=1)
"""The last run of a HEALTHCHECK may take so long, though the deadline is nearer."""

LONGEST_PAUSE = 5.0
"""Seconds between two runs of a HEALTHCHECK by us."""

CRASH_LOOP = 3
"""After so many restarts, a starting container counts as failed."""


@dataclass(frozen=True, slots=True)
class Awaited:
    """A colour of a service, and how long it may take to become healthy.

    ``settle`` is how long a worker without a HEALTHCHECK must run before it counts as healthy.
    """

    service: str
    colour: Colour
    timeout: timedelta
    settle: timedelta = timedelta(0)

    @property
    def name(self) -> str:
        return f"{self.service}-{self.colour}"


@dataclass(slots=True)
class _Probes:
    """When a HEALTHCHECK that failed is run again. The pause doubles: some applications take long to
    start, and a command of theirs each 20 ms would take longer still."""

    due: float = 0.0
    pause: float = 0.1

    def failed(self, now: float) -> None:
        self.due, self.pause = now + self.pause, min(2 * self.pause, LONGEST_PAUSE)


@dataclass(frozen=True, slots=True)
class _Seen:
    """Ids of containers whose HEALTHCHECK passed, how that of the others failed and when it is run
    again, and the time at which each start of a container was first observed."""

    passed: set[str] = field(default_factory=set)
    failed: dict[str, FailedProbe] = field(default_factory=dict)
    probes: dict[str, _Probes] = field(default_factory=dict)
    since: dict[object, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Look:
    """``unchecked`` are containers for which only the HEALTHCHECK has not passed yet."""

    awaited: Awaited
    containers: Sequence[Container]
    missing: str | None
    unchecked: Sequence[Container] = ()


def until_healthy(service: str, colour: Colour, timeout: timedelta, ctx: Context) -> str:
    return until_all_healthy([Awaited(service, colour, timeout)], ctx)


def until_all_healthy(awaited: Sequence[Awaited], ctx: Context) -> str:
    """Waits until HAProxy reports all replicas UP at the same time, and each HEALTHCHECK has passed.

    Docker runs the HEALTHCHECK once per interval. We run the same command as soon as HAProxy reports the
    replica UP, in parallel for several replicas. Raises Unhealthy with the last log lines; at once if
    waiting can't help.
    """
    began = ctx.clock.monotonic()
    seen = _Seen()
    while True:
        # Checks all of them each time: a crash of one ends the wait for the others.
        looks = [_look(colour, seen, ctx) for colour in awaited]
        elapsed = timedelta(seconds=ctx.clock.monotonic() - began)
        remaining = min(colour.timeout for colour in awaited) - elapsed
        unchecked = [container for look in looks for container in look.unchecked]
        _probe(unchecked, max(remaining, _LAST_PROBE), seen, ctx)
        healthy = [_is_healthy(look, began, seen, ctx) for look in looks]
        if all(healthy):
            break
        ctx.clock.sleep(POLL)
    return "" if not seen.passed else "HEALTHCHECK passed"


def _look(awaited: Awaited, seen: _Seen, ctx: Context) -> _Look:
    """Raises Unhealthy if the colour can't become healthy any more."""
    containers = ctx.colour_containers(awaited.service, awaited.colour)
    for container in containers:
        _give_up_on(container, ctx)
    if missing := _missing(awaited, containers, seen, ctx):
        return _Look(awaited, containers, missing)
    unchecked = [
        container
        for container in containers
        if container.health and container.id not in seen.passed
    ]
    return _Look(awaited, containers, None, unchecked)


def _probe(containers: Sequence[Container], timeout: timedelta, seen: _Seen, ctx: Context) -> None:
    seen.passed.update(container.id for container in containers if container.health == "healthy")
    now = ctx.clock.monotonic()
    due = [
        container
        for container in containers
        if container.health != "healthy"
        and seen.probes.setdefault(container.id, _Probes()).due <= now
    ]
    if not due:
        return
    for container, failed in zip(due, ctx.engine.probe_all(due, timeout), strict=True):
        if failed is None:
            seen.passed.add(container.id)
        else:
            # The last run before the deadline is cut short, and tells less than one that hung longer.
            seen.failed[container.id] = max(
                failed, seen.failed.get(container.id, failed), key=_hung_seconds
            )
            seen.probes[container.id].failed(ctx.clock.monotonic())


def _hung_seconds(failed: FailedProbe) -> float:
    return failed.hung_for.total_seconds() if failed.hung_for else 0.0


def _is_healthy(look: _Look, began: float, seen: _Seen, ctx: Context) -> bool:
    """Raises Unhealthy after the timeout."""
    failing = (
        str(seen.failed[container.id])
        for container in look.unchecked
        if container.id not in seen.passed
    )
    missing = look.missing or next(failing, None)
    if missing is None:
        return True
    awaited = look.awaited
    if ctx.clock.monotonic() - began < awaited.timeout.total_seconds():
        return False
    raise Unhealthy(
        f"{awaited.name} was not healthy within {durations.show(awaited.timeout)}: {missing}",
        detail=last_lines(look.containers, ctx),
        hint="see the log above; a slow start needs a longer deploy_timeout or --timeout",
    )


def _missing(
    awaited: Awaited, containers: Sequence[Container], seen: _Seen, ctx: Context
) -> str | None:
    servers = ctx.proxy.health(awaited.service, awaited.colour)
    for server in servers:
        if not server.up:
            return f"HAProxy says {server.status} ({server.check or 'not checked yet'}) of {server.address}"
    is_worker = any(server.status == NO_TRAFFIC for server in servers)
    if is_worker and (output := _runs_too_short(awaited, containers, len(servers), seen, ctx)):
        return output
    return None if servers else "HAProxy has no server for it"


def _runs_too_short(
    awaited: Awaited, containers: Sequence[Container], expected: int, seen: _Seen, ctx: Context
) -> str | None:
    """HAProxy does not check workers, so a worker must keep running for a while."""
    now, running = (
        ctx.clock.monotonic(),
        [container for container in containers if container.running],
    )
    if len(running) < expected:
        return "it is not running"
    # Of all replicas, before any of them is waited for: they run at the same time.
    since = [
        seen.since.setdefault((container.id, container.started_at), now)
        for container in running
        if container.health is None
    ]
    if since and now - max(since) < awaited.settle.total_seconds():
        return f"it has not run for {durations.show(awaited.settle)} yet"
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
                "fix it and run ",
                Action.UP,
                " again; a slow start needs start_period in its healthcheck",
            ),
        )


def last_lines(containers: Iterable[Container], ctx: Context) -> str:
    """The last log lines of each container."""
    return "\n".join(text for container in containers if (text := ctx.engine.log_tail(container)))
