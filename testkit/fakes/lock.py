"""The lock, which lives in the proxy's container and ends with its holder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from compose_bluegreen.domain.errors import LockHeld, LockLost, ProxyFailed
from compose_bluegreen.ports.lock import LockOwner, SignalRequest
from testkit.fakes.world import World


class FakeLock:
    """One command's. ``world.owner`` is whose it is; another test writes somebody else there."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._mine: LockOwner | None = None

    @contextmanager
    def hold(self, holder: LockOwner) -> Iterator[None]:
        try:
            self._world.calls.through("lock.take", (holder,), lambda: self._take(holder))
        except Exception:
            if self._world.owner is holder:
                self._world.owner = None
            raise
        self._mine = holder
        try:
            yield
        finally:
            self._world.calls.through("lock.release", (), self._let_go)

    def assure(self) -> None:
        if self._mine and self._world.owner is not self._mine:
            raise LockLost(f"this deployment has lost its lock: {self._world.owner} has it now")

    def owner(self) -> LockOwner | None:
        return self._world.owner if self._world.proxy_runs() else None

    def release(self) -> LockOwner | None:
        found, self._world.owner = self.owner(), None
        return found

    @contextmanager
    def listen(self) -> Iterator[None]:
        self._world.listens, self._world.requested_signal = True, None
        try:
            yield
        finally:
            self._world.listens = False

    def requested_signal(self) -> SignalRequest | None:
        return self._world.requested_signal

    def signal(self, requested_signal: SignalRequest) -> bool:
        heard = self._world.owner is not None and self._world.listens
        if heard:
            self._world.requested_signal = requested_signal
        return heard

    def _take(self, holder: LockOwner) -> None:
        if not self._world.proxy_runs():
            raise ProxyFailed("the proxy isn't running")
        if self._world.owner is not None:
            raise LockHeld(f"another deployment is under way: {self._world.owner}")
        self._world.owner = holder
        # Somebody died between disk and memory: what serves goes on.
        notes = self._world.notes
        notes.disk, notes.disk_shares = dict(notes.memory), dict(notes.canary_weights)
        self._world.listens = False

    def _let_go(self) -> None:
        if self._world.owner is self._mine:
            self._world.owner = None
        self._mine = None
