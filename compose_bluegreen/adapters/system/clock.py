"""Time, as the machine has it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

_SINCE_BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Unlike CLOCK_MONOTONIC, the first counts the time in which the machine sleeps."""


class SystemClock:
    """``now`` reads the machine's clock once and adds the time that passes: if that clock is set while
    a command runs, what the command measures stays right."""

    def __init__(self) -> None:
        self._began = datetime.now(UTC)
        self._began_since_boot = time.clock_gettime(_SINCE_BOOT)

    def now(self) -> datetime:
        passed = time.clock_gettime(_SINCE_BOOT) - self._began_since_boot
        return self._began + timedelta(seconds=passed)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
