"""Whether a colour that has traffic may keep it: by what HAProxy counts, and by who is well."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self

from compose_bluegreen.config.limits import percentage, slowest_ms
from compose_bluegreen.config.settings import Bake
from compose_bluegreen.config.settings_reader import restored
from compose_bluegreen.domain.errors import Interrupted, Unhealthy
from compose_bluegreen.domain.hints import Action, Hint
from compose_bluegreen.domain.release import is_worker
from compose_bluegreen.domain.topology import NO_ROUTE
from compose_bluegreen.domain.traffic_stats import TrafficStats, answered, p95, slower
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.engine import Container
from compose_bluegreen.ports.lock import ControlSignal
from compose_bluegreen.ports.proxy import NO_TRAFFIC
from compose_bluegreen.steps.health import last_lines
from compose_bluegreen.steps.rollout import Rollout, containers

LOOK = 0.1
"""Seconds between two looks. One costs HAProxy about a millisecond, and the engine two."""

_FIVE_OF_A_HUNDRED = 0.05


@dataclass(frozen=True, slots=True)
class Observation:
    """What a colour did since it got traffic. ``hung`` are at least so many that wait for longer than
    they may; ``before_p95`` is the old colour's, in milliseconds."""

    name: str
    mode: str
    traffic_stats: TrafficStats
    before: str = ""
    before_p95: int | None = None
    hung: int = 0

    @property
    def figures(self) -> str:
        """``154 requests: 12 answered 5xx, 0 broken, p95 12 ms (web-blue: 11 ms)``."""
        traffic_stats = self.traffic_stats
        if self.mode == NO_ROUTE:
            return "well, and asked by nobody"
        if self.mode == "tcp":
            return f"{traffic_stats.started} connections: {traffic_stats.broken} broken"
        told = f"{traffic_stats.started} requests: {traffic_stats.errors} answered 5xx, {traffic_stats.broken} broken"
        if (new := p95(traffic_stats.latencies)) is not None:
            told += f", p95 {new} ms"
            told += "" if self.before_p95 is None else f" ({self.before}: {self.before_p95} ms)"
        return told + (f", {self.hung} still wait" if self.hung else "")


def exceeded_limit(seen: Observation, limits: Bake, *, slowness: bool) -> str:
    """Which limit is passed, "" if none is. ``slowness``: long waits are judged too.

    Fewer than ``limits.requests`` count as so many: one bad answer among three is no share yet.
    """
    least, traffic_stats = limits.requests, seen.traffic_stats
    for text, count, limit in (
        ("5xx", traffic_stats.errors, limits.errors),
        ("broken connections", traffic_stats.broken, limits.broken),
    ):
        if count > percentage(limit) * max(traffic_stats.started, least):
            return f"more than {limit} {text}"
    longest = slowest_ms(limits.p95, seen.before_p95) if slowness else None
    if longest is not None:
        slow = slower(traffic_stats.latencies, longest) + seen.hung
        if slow > _FIVE_OF_A_HUNDRED * max(answered(traffic_stats.latencies) + seen.hung, least):
            return f"p95 above {longest:g} ms"
    return ""


@dataclass(slots=True)
class Analysis:
    """One service's new colour, from just before it gets traffic."""

    rollout: Rollout
    ctx: Context
    time: timedelta
    limits: Bake
    before: TrafficStats
    before_p95: int | None
    restarts: dict[str, int]
    _looks: deque[tuple[float, int]] = field(default_factory=deque)

    @classmethod
    def begun(cls, rollout: Rollout, time: timedelta, ctx: Context) -> Self:
        """Of too few requests to the old colour no p95 is one to compare with."""
        old = ctx.proxy.traffic_stats(rollout.service, rollout.live).recent if rollout.live else {}
        limits = restored(rollout.release.settings).bake
        return cls(
            rollout,
            ctx,
            time,
            limits,
            ctx.proxy.traffic_stats(rollout.service, rollout.idle),
            p95(old) if answered(old) >= limits.requests else None,
            {one.name: one.restarts for one in containers(rollout, rollout.idle, ctx)},
        )

    def look(self, *, slowness: bool) -> Observation:
        """Raises Unhealthy, which names the figures, where the colour must not keep the traffic."""
        seen = self._seen()
        if wrong := exceeded_limit(seen, self.limits, slowness=slowness) or self._sick():
            raise Unhealthy(
                f"{self.rollout.name} under traffic: {wrong}; {seen.figures}",
                detail=last_lines(containers(self.rollout, self.rollout.idle, self.ctx), self.ctx),
                hint=Hint(
                    "mend it and run ",
                    Action.UP,
                    " again; what is too much stands under bake in x-bluegreen",
                ),
            )
        return seen

    def _seen(self) -> Observation:
        rollout, ctx = self.rollout, self.ctx
        now = ctx.proxy.traffic_stats(rollout.service, rollout.idle)
        if now.started < self.before.started:  # HAProxy was restarted, and counts anew
            self.before = TrafficStats()
            self._looks.clear()
        traffic_stats = now.since(self.before)
        return Observation(
            rollout.name,
            NO_ROUTE if is_worker(rollout.release) else restored(rollout.release.settings).mode,
            traffic_stats,
            f"{rollout.service}-{rollout.live}",
            self.before_p95,
            self._hung(traffic_stats),
        )

    def _hung(self, traffic_stats: TrafficStats) -> int:
        """Who had begun that long ago and has no answer yet: at least so many, whoever ended since."""
        longest = slowest_ms(self.limits.p95, self.before_p95)
        if longest is None:
            return 0
        now, looks = self.ctx.clock.monotonic(), self._looks
        looks.append((now, traffic_stats.started))
        while len(looks) > 1 and looks[1][0] <= now - longest / 1000:
            looks.popleft()
        then, begun = looks[0]
        return max(0, begun - traffic_stats.ended) if then <= now - longest / 1000 else 0

    def _sick(self) -> str:
        rollout, ctx = self.rollout, self.ctx
        found = containers(rollout, rollout.idle, ctx)
        for one in found:
            if wrong := _wrong(one, self.restarts.get(one.name, 0) + self.limits.restarts):
                return wrong
        if gone := sorted(self.restarts.keys() - {one.name for one in found}):
            return f"{', '.join(gone)} is gone"
        for server in ctx.proxy.health(rollout.service, rollout.idle):
            if not server.status.startswith(("UP", NO_TRAFFIC)):
                return f"HAProxy says {server.status} ({server.check}) of {server.address}"
        return ""


@dataclass(frozen=True, slots=True)
class Passed:
    """``promoted_by`` is who ended it before its time, "" where nobody did."""

    figures: str
    promoted_by: str = ""

    @property
    def told(self) -> str:
        early = f"promoted by {self.promoted_by}; " if self.promoted_by else ""
        return f"{early}{self.figures}"


def analyse(watches: Sequence[Analysis], ctx: Context) -> Passed:
    """Looks until each one's time is over, or somebody asks for its end.

    Long waits are judged from the middle of its time on: a cold start may be slow. Raises Unhealthy,
    or Interrupted where somebody aborts it.
    """
    began = ctx.clock.monotonic()
    told: dict[str, str] = {}
    with ctx.lock.listen():
        while True:
            ctx.lock.assure()
            waited = timedelta(seconds=ctx.clock.monotonic() - began)
            requested_signal = ctx.lock.requested_signal()
            if requested_signal and requested_signal.signal is ControlSignal.ABORT:
                raise Interrupted(f"aborted by {requested_signal.actor}")
            for one in watches:
                if one.rollout.name in told:
                    continue
                seen = one.look(slowness=2 * waited >= one.time)
                if waited >= one.time or requested_signal:
                    told[one.rollout.name] = seen.figures
            if len(told) == len(watches):
                figures = "; ".join(f"{name} {text}" for name, text in told.items())
                return Passed(figures, requested_signal.actor if requested_signal else "")
            ctx.clock.sleep(LOOK)


def _wrong(container: Container, restarts: int) -> str:
    if container.restarts > restarts:
        last = f", the last time after exit code {container.exit_code}"
        return f"{container.name} was restarted{'' if container.running else last}"
    if container.health == "unhealthy":
        return f"{container.name} is unhealthy: its HEALTHCHECK failed too often"
    if container.status in ("exited", "dead"):
        return f"{container.name} ended with exit code {container.exit_code}"
    return ""
