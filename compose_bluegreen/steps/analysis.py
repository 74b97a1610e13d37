"""Whether a colour may keep its traffic: traffic statistics of HAProxy, and health of the replicas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from math import inf
from typing import Self

from compose_bluegreen.config.limits import percentage, slowest_ms
from compose_bluegreen.config.settings import Bake
from compose_bluegreen.config.settings_reader import restored
from compose_bluegreen.domain.errors import Interrupted, Unhealthy
from compose_bluegreen.domain.hints import Action, Hint
from compose_bluegreen.domain.release import is_worker
from compose_bluegreen.domain.topology import NO_ROUTE
from compose_bluegreen.domain.traffic_stats import (
    Latencies,
    TrafficStats,
    answered,
    p95,
    slower,
    with_waiting,
)
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.engine import Container
from compose_bluegreen.ports.lock import ControlSignal
from compose_bluegreen.ports.proxy import NO_TRAFFIC
from compose_bluegreen.steps.health import last_lines
from compose_bluegreen.steps.rollout import Rollout, containers

LOOK = 0.1
"""Seconds between two observations. Each costs HAProxy about one millisecond, and the engine two."""

_LOOK_AT_REQUESTS = 0.25
"""Seconds between two lists of HAProxy's requests. A list of thousands of them takes time."""

_LIST_SHARE = 20
"""At most one part in so many of the time is spent on lists."""

_FIVE_OF_A_HUNDRED = 0.05


@dataclass(frozen=True, slots=True)
class Observation:
    """Traffic of a colour since it received its first request.

    ``hung`` is a lower bound of the requests that arrived whole, and have waited longer than the limit
    since. ``before_p95`` is the p95 of the old colour, in milliseconds.
    """

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
            return "healthy; receives no requests"
        if self.mode == "tcp":
            return f"{traffic_stats.started} connections: {traffic_stats.broken} broken"
        text = f"{traffic_stats.started} requests: {traffic_stats.errors} answered 5xx, {traffic_stats.broken} broken"
        if (new := p95(traffic_stats.latencies)) is not None:
            text += f", p95 {new} ms"
            text += "" if self.before_p95 is None else f" ({self.before}: {self.before_p95} ms)"
        return text + (f", {self.hung} still wait" if self.hung else "")


def exceeded_limit(observation: Observation, limits: Bake, *, slowness: bool) -> str:
    """The limit that is exceeded, "" if none is. ``slowness``: response times are checked too.

    Fewer than ``limits.requests`` requests count as that many, because one bad answer among three is
    not a meaningful percentage.
    """
    least, traffic_stats = limits.requests, observation.traffic_stats
    for text, count, limit in (
        ("5xx", traffic_stats.errors, limits.errors),
        ("broken connections", traffic_stats.broken, limits.broken),
    ):
        if count > percentage(limit) * max(traffic_stats.started, least):
            return f"more than {limit} {text}"
    longest = slowest_ms(limits.p95, observation.before_p95) if slowness else None
    if longest is not None:
        slow = slower(traffic_stats.latencies, longest) + observation.hung
        if slow > _FIVE_OF_A_HUNDRED * max(
            answered(traffic_stats.latencies) + observation.hung, least
        ):
            return f"p95 above {longest:g} ms"
    return ""


@dataclass(slots=True)
class Analysis:
    """Observes the new colour of one service; begins just before the colour receives requests."""

    rollout: Rollout
    ctx: Context
    time: timedelta
    limits: Bake
    before: TrafficStats
    before_p95: int | None
    restarts: dict[str, int]
    _unanswered_since: dict[str, float] = field(default_factory=dict)
    _next_list: float = -inf

    @classmethod
    def begun(cls, rollout: Rollout, time: timedelta, ctx: Context) -> Self:
        """With too few requests to the old colour, there is no p95 to compare with.

        A long poll that still waits counts for the old colour as it will for the new one.
        """
        old: Latencies = {}
        if rollout.live:
            ages = ctx.proxy.unanswered(rollout.service, rollout.live).values()
            old = with_waiting(ctx.proxy.traffic_stats(rollout.service, rollout.live).recent, ages)
        limits = restored(rollout.release.settings).bake
        return cls(
            rollout,
            ctx,
            time,
            limits,
            ctx.proxy.traffic_stats(rollout.service, rollout.idle),
            p95(old) if answered(old) >= limits.requests else None,
            {
                container.name: container.restarts
                for container in containers(rollout, rollout.idle, ctx)
            },
        )

    def look(self, *, slowness: bool) -> Observation:
        """Raises Unhealthy, with the figures, if the colour must not keep its traffic."""
        observation = self._observe()
        if (
            problem := exceeded_limit(observation, self.limits, slowness=slowness)
            or self._unhealthy()
        ):
            raise Unhealthy(
                f"{self.rollout.name} with traffic: {problem}; {observation.figures}",
                detail=last_lines(containers(self.rollout, self.rollout.idle, self.ctx), self.ctx),
                hint=Hint(
                    "fix the release and run ",
                    Action.UP,
                    " again; the limits are in x-bluegreen.bake",
                ),
            )
        return observation

    def _observe(self) -> Observation:
        rollout, ctx = self.rollout, self.ctx
        now = ctx.proxy.traffic_stats(rollout.service, rollout.idle)
        if now.started < self.before.started:  # HAProxy was restarted, and counts from zero
            self.before = TrafficStats()
        traffic_stats = now.since(self.before)
        return Observation(
            rollout.name,
            NO_ROUTE if is_worker(rollout.release) else restored(rollout.release.settings).mode,
            traffic_stats,
            f"{rollout.service}-{rollout.live}",
            self.before_p95,
            self._hung(),
        )

    def _hung(self) -> int:
        """Requests that had arrived whole that long ago, and have no answer yet; a lower bound."""
        longest = slowest_ms(self.limits.p95, self.before_p95)
        if longest is None or is_worker(self.rollout.release):
            return 0
        now = self.ctx.clock.monotonic()
        if now >= self._next_list:
            found = self.ctx.proxy.unanswered(self.rollout.service, self.rollout.idle)
            self._unanswered_since = {name: self._unanswered_since.get(name, now) for name in found}
            spent = self.ctx.clock.monotonic() - now
            self._next_list = now + max(_LOOK_AT_REQUESTS, _LIST_SHARE * spent)
        waits_from = now - longest / 1000
        return sum(since <= waits_from for since in self._unanswered_since.values())

    def _unhealthy(self) -> str:
        rollout, ctx = self.rollout, self.ctx
        replicas = containers(rollout, rollout.idle, ctx)
        for replica in replicas:
            if problem := _problem(
                replica, self.restarts.get(replica.name, 0) + self.limits.restarts
            ):
                return problem
        if missing := sorted(self.restarts.keys() - {replica.name for replica in replicas}):
            return f"{', '.join(missing)} was removed"
        for server in ctx.proxy.health(rollout.service, rollout.idle):
            if not server.status.startswith(("UP", NO_TRAFFIC)):
                return f"HAProxy says {server.status} ({server.check}) of {server.address}"
        return ""


@dataclass(frozen=True, slots=True)
class Passed:
    """``promoted_by`` is the user who ended the analysis early, "" if it ran for its whole time."""

    figures: str
    promoted_by: str = ""

    @property
    def summary(self) -> str:
        early = f"promoted by {self.promoted_by}; " if self.promoted_by else ""
        return f"{early}{self.figures}"


def analyse(watches: Sequence[Analysis], ctx: Context) -> Passed:
    """Observes until the time of each analysis is over, or until a user promotes the deployment.

    Response times are checked only in the second half, because a cold start may be slow. Raises
    Unhealthy, or Interrupted if a user aborts.
    """
    began = ctx.clock.monotonic()
    figures_of: dict[str, str] = {}
    with ctx.lock.listen():
        while True:
            ctx.lock.assure()
            waited = timedelta(seconds=ctx.clock.monotonic() - began)
            requested_signal = ctx.lock.requested_signal()
            if requested_signal and requested_signal.signal is ControlSignal.ABORT:
                raise Interrupted(f"aborted by {requested_signal.actor}")
            for analysis in watches:
                if analysis.rollout.name in figures_of:
                    continue
                observation = analysis.look(slowness=2 * waited >= analysis.time)
                if waited >= analysis.time or requested_signal:
                    figures_of[analysis.rollout.name] = observation.figures
            if len(figures_of) == len(watches):
                figures = "; ".join(f"{name} {text}" for name, text in figures_of.items())
                return Passed(figures, requested_signal.actor if requested_signal else "")
            ctx.clock.sleep(LOOK)


def _problem(container: Container, restarts: int) -> str:
    if container.restarts > restarts:
        last = f", the last time after exit code {container.exit_code}"
        return f"{container.name} was restarted{'' if container.running else last}"
    if container.health == "unhealthy":
        return f"{container.name} is unhealthy: its HEALTHCHECK failed too often"
    if container.status in ("exited", "dead"):
        return f"{container.name} ended with exit code {container.exit_code}"
    return ""
