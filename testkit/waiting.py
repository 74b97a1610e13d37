"""Waiting for something that happens elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 90.0
"""Seconds that any one command, and anything that is waited for, may take on a busy machine."""


def eventually(holds: Callable[[], object], what: str, every: float = 0.05) -> None:
    """Waits for it, and fails with its name where it never comes."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"waited {PATIENCE:g} s in vain for {what}"
        time.sleep(every)
