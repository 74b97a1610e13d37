"""Changes of the engine by a command that still has the lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from compose_bluegreen.ports.workloads import Workloads

_LOOKS = frozenset({"placements", "logs"})


class GuardedWorkloads:
    """``assure`` raises LockLost where this command lost the lock, and is asked before each change.

    A step asks once, before its first act. A command that is stopped between two acts of a step
    (SIGSTOP, a laptop that sleeps) would start containers by names that a later release has by then.
    """

    def __init__(self, workloads: Workloads, assure: Callable[[], None]) -> None:
        self._workloads = workloads
        self._assure = assure

    def __getattr__(self, name: str) -> Callable[..., Any]:
        act: Callable[..., Any] = getattr(self._workloads, name)
        if name in _LOOKS:
            return act

        def guarded(*arguments: object, **options: object) -> Any:
            self._assure()
            return act(*arguments, **options)

        return guarded

    @property
    def as_workloads(self) -> Workloads:
        return cast("Workloads", self)
