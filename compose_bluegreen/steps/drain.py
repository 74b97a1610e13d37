"""What becomes of what is in flight on colours that get no new requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from compose_bluegreen.config.settings import ServiceSettings
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.ports.context import Context
from compose_bluegreen.steps import locking
from compose_bluegreen.steps.health import POLL

_TO_END = timedelta(seconds=1)
"""How long connections that HAProxy was told to end may take to be gone."""

_LOOK_AGAIN = timedelta(seconds=locking.LOOK_AGAIN)
"""HAProxy tells of each connection, and there may be thousands."""

_NEVER = timedelta(days=-1)


@dataclass(frozen=True, slots=True)
class Old:
    """A colour of a service that goes, and the settings by which it does."""

    service: str
    colour: Colour
    settings: ServiceSettings


def drain(olds: Sequence[Old], ctx: Context) -> str:
    """Until nothing is in flight on any of them, or its time is up; side by side.

    Says what was closed, and what must be cut.
    """
    drains = [_Drain(old, ctx, ctx.clock.monotonic()) for old in olds]
    until_all([one.is_over for one in drains], ctx)
    return "; ".join(said for one in drains for said in one.says(alone=len(drains) == 1))


@dataclass(slots=True)
class _Drain:
    """``left`` are in flight still; times since it ``began``."""

    old: Old
    ctx: Context
    began: float
    left: int = 0
    closed: int = 0
    closed_after: timedelta = timedelta(0)
    looked: timedelta = _NEVER

    def is_over(self) -> bool:
        self.left = self.ctx.proxy.in_flight(self.old.service, self.old.colour)
        spent = timedelta(seconds=self.ctx.clock.monotonic() - self.began)
        if not self.left:
            return True
        if self.closed:
            return spent >= self.closed_after + _TO_END
        if self._may_close(spent) and self._only_long_ones(spent):
            self.ctx.proxy.hang_up(self.old.service, self.old.colour)
            self.closed, self.closed_after = self.left, spent
            return False
        return spent >= self.old.settings.drain_timeout

    def says(self, *, alone: bool) -> list[str]:
        whose = "" if alone else f" on {self.old.service}-{self.old.colour}"
        said = []
        if self.closed:
            were = "connection was" if self.closed == 1 else "connections were"
            after = f"{self.closed_after.total_seconds():.0f} s"
            said.append(f"{self.closed} long {were} closed{whose} after {after}")
        if self.left:
            after = f"{self.old.settings.drain_timeout.total_seconds():g} s"
            said.append(f"{self.left} still in flight{whose} after {after} were cut")
        return said

    def _may_close(self, spent: timedelta) -> bool:
        wanted = self.old.settings
        grace = min(wanted.close_after, wanted.drain_timeout)
        return wanted.long_connections == "close" and spent >= grace

    def _only_long_ones(self, spent: timedelta) -> bool:
        """Then HAProxy can end all of a replica's connections without picking.

        To pick is to race: an address of a stream that has ended may be another's by then.
        """
        last = spent >= self.old.settings.drain_timeout
        if spent - self.looked < _LOOK_AGAIN and not last:
            return False
        self.looked = spent
        return self.ctx.proxy.long_lived(self.old.service, self.old.colour) >= self.left


def until_all(are_over: Sequence[Callable[[], bool]], ctx: Context) -> None:
    """Until each of these has said that it is over, by a deadline of its own."""
    left = list(are_over)
    while left := [one for one in left if not one()]:
        ctx.clock.sleep(POLL)
