"""The lock, which lives in the proxy's container and ends with its holder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from compose_bluegreen.errors import LockHeld, ProxyFailed
from compose_bluegreen.ports import Holder
from tests.fakes.world import World


class FakeLock:
    def __init__(self, world: World) -> None:
        self._world = world

    @contextmanager
    def hold(self, holder: Holder) -> Iterator[None]:
        self._world.calls.through("lock.take", (holder,), lambda: self._take(holder))
        try:
            yield
        finally:
            self._world.calls.through("lock.release", (), self._release)

    def _take(self, holder: Holder) -> None:
        if not self._world.proxy_runs():
            raise ProxyFailed("the proxy isn't running")
        if self._world.holder not in (None, holder):
            raise LockHeld(f"another deployment is under way: {self._world.holder}")
        self._world.holder = holder  # the same session may take it again
        # Somebody died between disk and memory: what serves goes on.
        self._world.notes.disk = dict(self._world.notes.memory)

    def _release(self) -> None:
        self._world.holder = None
