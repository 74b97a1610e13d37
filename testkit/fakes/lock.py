"""The lock, which lives in the proxy's container and ends with its holder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from compose_bluegreen.domain.errors import LockHeld, LockLost, ProxyFailed
from compose_bluegreen.ports.lock import Holder, Wished
from testkit.fakes.world import World


class FakeLock:
    """One command's. ``world.holder`` is whose it is; another test writes somebody else there."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._mine: Holder | None = None

    @contextmanager
    def hold(self, holder: Holder) -> Iterator[None]:
        try:
            self._world.calls.through("lock.take", (holder,), lambda: self._take(holder))
        except Exception:
            if self._world.holder is holder:
                self._world.holder = None
            raise
        self._mine = holder
        try:
            yield
        finally:
            self._world.calls.through("lock.release", (), self._let_go)

    def assure(self) -> None:
        if self._mine and self._world.holder is not self._mine:
            raise LockLost(f"this deployment has lost its lock: {self._world.holder} has it now")

    def holder(self) -> Holder | None:
        return self._world.holder if self._world.proxy_runs() else None

    def release(self) -> Holder | None:
        found, self._world.holder = self.holder(), None
        return found

    @contextmanager
    def listen(self) -> Iterator[None]:
        self._world.listens, self._world.wished = True, None
        try:
            yield
        finally:
            self._world.listens = False

    def wished(self) -> Wished | None:
        return self._world.wished

    def wish(self, wished: Wished) -> bool:
        heard = self._world.holder is not None and self._world.listens
        if heard:
            self._world.wished = wished
        return heard

    def _take(self, holder: Holder) -> None:
        if not self._world.proxy_runs():
            raise ProxyFailed("the proxy isn't running")
        if self._world.holder is not None:
            raise LockHeld(f"another deployment is under way: {self._world.holder}")
        self._world.holder = holder
        # Somebody died between disk and memory: what serves goes on.
        notes = self._world.notes
        notes.disk, notes.disk_shares = dict(notes.memory), dict(notes.shares)
        self._world.listens = False

    def _let_go(self) -> None:
        if self._world.holder is self._mine:
            self._world.holder = None
        self._mine = None
