"""Time that moves only when somebody sleeps."""

from __future__ import annotations

from datetime import datetime, timedelta

from testkit.fakes.world import NOON, World


class FakeClock:
    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self._world.time)

    def monotonic(self) -> float:
        return self._world.time

    def sleep(self, seconds: float) -> None:
        self._world.wait(seconds)
