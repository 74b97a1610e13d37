"""What all this runs on, and how busy others keep it."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

_LOOK = 0.25
"""Seconds over which one look at the machine's load goes."""


@dataclass(slots=True)
class Machine:
    """``quiet`` is the share of all cores that others may use when something is timed."""

    quiet: float = 0.15
    patience: float = 8.0
    seen: list[float] = field(default_factory=list)

    def until_quiet(self) -> None:
        """Or until patience ends. What it saw last is told as the noise."""
        deadline = time.monotonic() + self.patience
        while (busy := _busy(_LOOK)) > self.quiet and time.monotonic() < deadline:
            pass
        self.seen.append(busy)

    def noise(self) -> str:
        if not self.seen:
            return "nothing was timed"
        noisy = sum(each > self.quiet for each in self.seen)
        return (
            f"before each of {len(self.seen)} timings others used {_percent(median(self.seen))} of the"
            f" machine (median; at most {_percent(max(self.seen))}); {noisy} began though it was busy"
        )

    @staticmethod
    def describe() -> str:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
        return (
            f"{os.cpu_count()} cores, {memory:.0f} GiB, Linux {platform.release().partition('-')[0]},"
            f" Python {platform.python_version()}, Docker {_said('version', '--format', '{{.Server.Version}}')},"
            f" Compose {_said('compose', 'version', '--short')}"
        )


def _busy(seconds: float) -> float:
    idle, total = _jiffies()
    time.sleep(seconds)
    idle_after, total_after = _jiffies()
    return 1 - (idle_after - idle) / max(1, total_after - total)


def _jiffies() -> tuple[int, int]:
    """Idle ones, and all, since the machine came up."""
    first, *_ = Path("/proc/stat").read_text(encoding="utf-8").splitlines()
    user, nice, system, idle, wait, *rest = map(int, first.split()[1:9])
    return idle + wait, user + nice + system + idle + wait + sum(rest)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _said(*words: str) -> str:
    asked = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    return asked.stdout.strip() or "?"
