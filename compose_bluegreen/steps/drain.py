"""Drain: waits for in-flight requests of colours that receive no new ones."""

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
"""How long HAProxy may take to close connections."""

_LOOK_AGAIN = timedelta(seconds=locking.LOOK_AGAIN)
"""HAProxy lists each connection, and there may be thousands."""

_NEVER = timedelta(days=-1)


@dataclass(frozen=True, slots=True)
class Old:
    """An old colour of a service, and the settings for its drain."""

    service: str
    colour: Colour
    settings: ServiceSettings


def drain(olds: Sequence[Old], ctx: Context) -> str:
    """Waits until no colour has in-flight requests, or until its ``drain_timeout``; all at the same time.

    Returns a remark about closed and cut connections.
    """
    drains = [_Drain(old, ctx, ctx.clock.monotonic()) for old in olds]
    until_all([colour_drain.is_over for colour_drain in drains], ctx)
    return "; ".join(
        text for colour_drain in drains for text in colour_drain.remarks(alone=len(drains) == 1)
    )


@dataclass(slots=True)
class _Drain:
    """``in_flight`` is the number of in-flight requests. Times count from ``began``."""

    old: Old
    ctx: Context
    began: float
    in_flight: int = 0
    closed: int = 0
    closed_after: timedelta = timedelta(0)
    looked: timedelta = _NEVER

    def is_over(self) -> bool:
        self.in_flight = self.ctx.proxy.in_flight(self.old.service, self.old.colour)
        spent = timedelta(seconds=self.ctx.clock.monotonic() - self.began)
        if not self.in_flight:
            return True
        if self.closed:
            return spent >= self.closed_after + _TO_END
        if self._may_close(spent) and self._only_long_ones(spent):
            self.ctx.proxy.hang_up(self.old.service, self.old.colour)
            self.closed, self.closed_after = self.in_flight, spent
            return False
        return spent >= self.old.settings.drain_timeout

    def remarks(self, *, alone: bool) -> list[str]:
        whose = "" if alone else f" on {self.old.service}-{self.old.colour}"
        texts = []
        if self.closed:
            were = "connection was" if self.closed == 1 else "connections were"
            after = f"{self.closed_after.total_seconds():.0f} s"
            texts.append(f"{self.closed} long {were} closed{whose} after {after}")
        if self.in_flight:
            after = f"{self.old.settings.drain_timeout.total_seconds():g} s"
            texts.append(f"{self.in_flight} still in flight{whose} after {after} were cut")
        return texts

    def _may_close(self, spent: timedelta) -> bool:
        settings = self.old.settings
        grace = min(settings.close_after, settings.drain_timeout)
        return settings.long_connections == "close" and spent >= grace

    def _only_long_ones(self, spent: timedelta) -> bool:
        """Whether all connections are long-lived: then HAProxy can close all connections of a replica.

        To close selected streams would be a race: the address of an ended stream may be reused by then.
        """
        last = spent >= self.old.settings.drain_timeout
        if spent - self.looked < _LOOK_AGAIN and not last:
            return False
        self.looked = spent
        return self.ctx.proxy.long_lived(self.old.service, self.old.colour) >= self.in_flight


def until_all(are_over: Sequence[Callable[[], bool]], ctx: Context) -> None:
    """Waits until each of these returns True. Each has its own deadline."""
    unfinished = list(are_over)
    while unfinished := [is_over for is_over in unfinished if not is_over()]:
        ctx.clock.sleep(POLL)
