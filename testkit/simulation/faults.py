"""What goes wrong, and at which call: drawn from the seed before a schedule begins."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Literal


class Fault(StrEnum):
    CRASH_BEFORE = "crash before"
    CRASH_HALFWAY = "crash halfway"
    CRASH_AFTER = "crash after"
    FREEZE = "freeze"
    FREEZE_HALFWAY = "freeze halfway"
    PROXY_RESTART = "restart of the proxy"
    ENGINE_RESTART = "restart of the engine"
    MACHINE_RESTART = "restart of the machine"
    DISK_FULL = "disk full"
    SLOW = "slow call"
    HANG = "hung call"
    ERROR_BEFORE = "error before"
    ERROR_AFTER = "error after"
    CLOCK_BACK = "clock back"
    CLOCK_FORWARD = "clock forward"


_WEIGHTS = {
    Fault.CRASH_BEFORE: 8,
    Fault.CRASH_HALFWAY: 4,
    Fault.CRASH_AFTER: 10,
    Fault.FREEZE: 14,
    Fault.FREEZE_HALFWAY: 5,
    Fault.PROXY_RESTART: 5,
    Fault.ENGINE_RESTART: 3,
    Fault.MACHINE_RESTART: 6,
    Fault.DISK_FULL: 5,
    Fault.SLOW: 5,
    Fault.HANG: 4,
    Fault.ERROR_BEFORE: 5,
    Fault.ERROR_AFTER: 5,
    Fault.CLOCK_BACK: 3,
    Fault.CLOCK_FORWARD: 3,
}


_THEMES = (
    tuple(Fault),
    tuple(Fault),
    (Fault.FREEZE, Fault.FREEZE, Fault.FREEZE_HALFWAY),
    (Fault.CRASH_BEFORE, Fault.CRASH_HALFWAY, Fault.CRASH_AFTER),
    (Fault.PROXY_RESTART, Fault.ENGINE_RESTART, Fault.MACHINE_RESTART, Fault.FREEZE),
    (Fault.ERROR_BEFORE, Fault.ERROR_AFTER, Fault.HANG, Fault.DISK_FULL),
)
"""Of some kinds alone: where everything happens, little of it happens together."""


class Weakness(StrEnum):
    """A fault of the product that was mended, put back to see that the simulator finds it."""

    ACTS_BY_NAME = "acts by name"
    """D4: containers are stopped and removed by names, which later releases use again."""
    UNFENCED_PROXY = "unfenced proxy"
    """D5: HAProxy's map is committed without regard to the lock."""


Aim = Literal["any", "change", "act"]
"""``act``: something that visitors may notice, so no record of history."""


@dataclass(slots=True)
class FaultPlan:
    """Each waits for a call of its kind: most calls look, and most changes are records of history."""

    random: Random
    left: int
    _kinds: tuple[Fault, ...] = ()
    _at: int = 0
    _kind: Fault | None = None
    _aim: Aim = "any"

    def __post_init__(self) -> None:
        self._kinds = self.random.choice(_THEMES)
        self._draw(0)

    def due(self, call: int, aims: tuple[Aim, ...]) -> Fault | None:
        """``aims`` are what the call is."""
        if self._kind is None or call < self._at or self._aim not in aims:
            return None
        kind = self._kind
        self._draw(call)
        return kind

    def _draw(self, call: int) -> None:
        self._kind = None
        if self.left:
            self.left -= 1
            random = self.random
            (self._kind,) = random.choices(self._kinds, [_WEIGHTS[kind] for kind in self._kinds])
            self._at = call + int(random.expovariate(1 / random.choice((10, 60, 250))))
            aims: tuple[Aim, ...] = ("any", "change", "act", "act")
            self._aim = random.choice(aims)
