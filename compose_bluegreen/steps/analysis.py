"""Whether a colour that has traffic may keep it: by what HAProxy counts, and by who is well."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self

from compose_bluegreen.config.limits import share, slowest_ms
from compose_bluegreen.config.settings import Bake
from compose_bluegreen.config.settings_reader import restored
from compose_bluegreen.domain.errors import Interrupted, Unhealthy
from compose_bluegreen.domain.release import works_unasked
from compose_bluegreen.domain.topology import NOBODY
from compose_bluegreen.domain.traffic_stats import Tally, answered, p95, slower
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.engine import Container
from compose_bluegreen.ports.lock import Wish
from compose_bluegreen.ports.proxy import NO_TRAFFIC
from compose_bluegreen.steps.health import last_lines
from compose_bluegreen.steps.rollout import Move, containers

LOOK = 0.1
"""Seconds between two looks. One costs HAProxy about a millisecond, and the engine two."""

_FIVE_OF_A_HUNDRED = 0.05


@dataclass(frozen=True, slots=True)
class Seen:
    """What a colour did since it got traffic. ``hung`` are at least so many that wait for longer than
    they may; ``before_p95`` is the old colour's, in milliseconds."""

    name: str
    mode: str
    tally: Tally
    before: str = ""
    before_p95: int | None = None
    hung: int = 0

    @property
    def figures(self) -> str:
        """``154 requests: 12 answered 5xx, 0 broken, p95 12 ms (web-blue: 11 ms)``."""
        tally = self.tally
        if self.mode == NOBODY:
            return "well, and asked by nobody"
        if self.mode == "tcp":
            return f"{tally.begun} connections: {tally.broken} broken"
        told = f"{tally.begun} requests: {tally.errors} answered 5xx, {tally.broken} broken"
        if (new := p95(tally.waits)) is not None:
            told += f", p95 {new} ms"
            told += "" if self.before_p95 is None else f" ({self.before}: {self.before_p95} ms)"
        return told + (f", {self.hung} still wait" if self.hung else "")


def past(seen: Seen, limits: Bake, *, slowness: bool) -> str:
    """Which limit is passed, "" if none is. ``slowness``: long waits are judged too.

    Fewer than ``limits.requests`` count as so many: one bad answer among three is no share yet.
    """
    least, tally = limits.requests, seen.tally
    for text, count, limit in (
        ("5xx", tally.errors, limits.errors),
        ("broken connections", tally.broken, limits.broken),
    ):
        if count > share(limit) * max(tally.begun, least):
            return f"more than {limit} {text}"
    longest = slowest_ms(limits.p95, seen.before_p95) if slowness else None
    if longest is not None:
        slow = slower(tally.waits, longest) + seen.hung
        if slow > _FIVE_OF_A_HUNDRED * max(answered(tally.waits) + seen.hung, least):
            return f"p95 above {longest:g} ms"
    return ""


@dataclass(slots=True)
class Watch:
    """One service's new colour, from just before it gets traffic."""

    move: Move
    ctx: Context
    time: timedelta
    limits: Bake
    before: Tally
    before_p95: int | None
    restarts: dict[str, int]
    _looks: deque[tuple[float, int]] = field(default_factory=deque)

    @classmethod
    def begun(cls, move: Move, time: timedelta, ctx: Context) -> Self:
        """Of too few requests to the old colour no p95 is one to compare with."""
        old = ctx.proxy.tally(move.service, move.live).recent if move.live else {}
        limits = restored(move.release.settings).bake
        return cls(
            move,
            ctx,
            time,
            limits,
            ctx.proxy.tally(move.service, move.idle),
            p95(old) if answered(old) >= limits.requests else None,
            {one.name: one.restarts for one in containers(move, move.idle, ctx)},
        )

    def look(self, *, slowness: bool) -> Seen:
        """Raises Unhealthy, which names the figures, where the colour must not keep the traffic."""
        seen = self._seen()
        if wrong := past(seen, self.limits, slowness=slowness) or self._sick():
            raise Unhealthy(
                f"{self.move.name} under traffic: {wrong}; {seen.figures}",
                detail=last_lines(containers(self.move, self.move.idle, self.ctx), self.ctx),
                hint="mend it and run docker bluegreen up again; what is too much stands under"
                " bake in x-bluegreen",
            )
        return seen

    def _seen(self) -> Seen:
        move, ctx = self.move, self.ctx
        now = ctx.proxy.tally(move.service, move.idle)
        if now.begun < self.before.begun:  # HAProxy was restarted, and counts anew
            self.before = Tally()
            self._looks.clear()
        tally = now.since(self.before)
        return Seen(
            move.name,
            NOBODY if works_unasked(move.release) else restored(move.release.settings).mode,
            tally,
            f"{move.service}-{move.live}",
            self.before_p95,
            self._hung(tally),
        )

    def _hung(self, tally: Tally) -> int:
        """Who had begun that long ago and has no answer yet: at least so many, whoever ended since."""
        longest = slowest_ms(self.limits.p95, self.before_p95)
        if longest is None:
            return 0
        now, looks = self.ctx.clock.monotonic(), self._looks
        looks.append((now, tally.begun))
        while len(looks) > 1 and looks[1][0] <= now - longest / 1000:
            looks.popleft()
        then, begun = looks[0]
        return max(0, begun - tally.ended) if then <= now - longest / 1000 else 0

    def _sick(self) -> str:
        move, ctx = self.move, self.ctx
        found = containers(move, move.idle, ctx)
        for one in found:
            if wrong := _wrong(one, self.restarts.get(one.name, 0) + self.limits.restarts):
                return wrong
        if gone := sorted(self.restarts.keys() - {one.name for one in found}):
            return f"{', '.join(gone)} is gone"
        for server in ctx.proxy.health(move.service, move.idle):
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


def watch(watches: Sequence[Watch], ctx: Context) -> Passed:
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
            wished = ctx.lock.wished()
            if wished and wished.wish is Wish.ABORT:
                raise Interrupted(f"aborted by {wished.actor}")
            for one in watches:
                if one.move.name in told:
                    continue
                seen = one.look(slowness=2 * waited >= one.time)
                if waited >= one.time or wished:
                    told[one.move.name] = seen.figures
            if len(told) == len(watches):
                figures = "; ".join(f"{name} {text}" for name, text in told.items())
                return Passed(figures, wished.actor if wished else "")
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
