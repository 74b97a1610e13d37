"""The lock as ``adapters/haproxy/flock.py`` has it: a shell in the proxy's container, and a token.

The shell ends with its command, with ``lock release`` and with each restart of the proxy; whoever
comes back and does not find its own token has lost the lock for good.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from compose_bluegreen.domain.errors import LockHeld, LockLost, ProxyFailed
from compose_bluegreen.ports.lock import LockOwner, SignalRequest
from testkit.fakes.world import World

GRACE = 5.0
_PAUSE = 0.05


@dataclass(eq=False)
class Token:
    owner: LockOwner
    run: int


@dataclass(eq=False)
class Session:
    """A command's connection to the proxy. ``held`` once it had the lock; ``lost`` is for ever."""

    token: Token | None = None
    held: Token | None = None
    lost: bool = False
    holds: bool = False
    """Inside the block of ``hold``."""


@dataclass
class LockState:
    """``shell`` is whose shell has the lock; ``token`` is the file beside it, which may outlive it."""

    run: int = 1
    shell: Session | None = None
    token: Token | None = None
    listens: bool = False
    wish: SignalRequest | None = None

    def is_stale(self, session: Session) -> bool:
        """It had the lock, and somebody took it away."""
        return session.held is not None and self.token is not session.held

    def died(self, session: Session) -> None:
        """The kernel ends its shell; the token stays."""
        if self.shell is session:
            self.shell = None

    def restarted(self, keeps: bool) -> None:
        """``keeps``: its holder is awake, and takes the lock back at once."""
        self.run += 1
        if keeps and self.token:
            self.token.run = self.run
        else:
            self.shell = None

    def removed(self) -> None:
        self.shell = self.token = None


class SimulatedLock:
    """One command's."""

    def __init__(self, world: World, state: LockState, session: Session) -> None:
        self._world = world
        self._state = state
        self._session = session

    def take(self, holder: LockOwner) -> None:
        state, waited = self._state, dict[Token, float]()
        while True:
            self._need_proxy()
            if state.shell is not None:
                raise LockHeld(f"another deployment is under way: {state.token}")
            token = state.token
            if token is None or token.run == state.run:
                break
            if self._world.time - waited.setdefault(token, self._world.time) >= GRACE:
                break
            self._world.wait(_PAUSE)
        token = Token(holder, state.run)
        state.shell, state.token, state.listens = self._session, token, False
        self._session.token = self._session.held = token
        self._session.holds = True
        notes = self._world.notes
        notes.disk, notes.disk_shares = dict(notes.memory), dict(notes.canary_weights)

    def close(self) -> None:
        """After an attempt that failed, whatever it had reached."""
        self._state.died(self._session)
        self._session.token = self._session.held = None
        self._session.holds = False

    def give_up(self) -> None:
        session, state = self._session, self._state
        session.holds, session.token, session.held = False, None, None
        if state.shell is session:
            state.shell = state.token = None
            state.listens = False

    def assure(self) -> None:
        if self._session.token is None and not self._session.lost:
            return
        if self._session.lost or self._world.proxy_runs():
            self.fence()

    def fence(self) -> None:
        """What goes through the shell that holds the lock does nothing once it is lost."""
        session, state = self._session, self._state
        if session.lost:
            raise LockLost("this deployment has lost its lock")
        if session.token is None or state.shell is session:
            return
        self._need_proxy()
        if state.token is not session.token:
            session.lost, session.token = True, None
            raise LockLost("this deployment has lost its lock")
        state.shell, session.token.run = session, state.run

    def owner(self) -> LockOwner | None:
        state = self._state
        held = state.shell is not None and state.token is not None and self._world.proxy_runs()
        return state.token.owner if held and state.token else None

    def release(self) -> LockOwner | None:
        found = self.owner()
        if self._world.proxy_runs():
            self._state.removed()
        return found

    def begin_listening(self) -> None:
        self.fence()
        self._state.listens, self._state.wish = True, None

    def end_listening(self) -> None:
        if self._state.shell is self._session:
            self._state.listens = False

    def requested_signal(self) -> SignalRequest | None:
        self.fence()
        return self._state.wish

    def signal(self, requested_signal: SignalRequest) -> bool:
        heard = self.owner() is not None and self._state.listens
        if heard:
            self._state.wish = requested_signal
        return heard

    def _need_proxy(self) -> None:
        if not self._world.proxy_runs():
            raise ProxyFailed("the proxy isn't running")


class GatedLock:
    """The port: each method is a call, also the end of a block."""

    def __init__(self, lock: SimulatedLock, through: Callable[..., Any]) -> None:
        self._lock = lock
        self._through = through

    @contextmanager
    def hold(self, holder: LockOwner) -> Iterator[None]:
        try:
            self._through("lock.take", self._lock.take, holder)
        except Exception:
            self._lock.close()
            raise
        try:
            yield
        finally:
            with suppress(ProxyFailed):  # as EngineLock does: the shell ends with its process
                self._through("lock.give_up", self._lock.give_up)

    @contextmanager
    def listen(self) -> Iterator[None]:
        self._through("lock.listen", self._lock.begin_listening)
        try:
            yield
        finally:
            with suppress(ProxyFailed):
                self._through("lock.stop_listening", self._lock.end_listening)

    def assure(self) -> None:
        self._through("lock.assure", self._lock.assure)

    def owner(self) -> LockOwner | None:
        owner: LockOwner | None = self._through("lock.owner", self._lock.owner)
        return owner

    def requested_signal(self) -> SignalRequest | None:
        wish: SignalRequest | None = self._through(
            "lock.requested_signal", self._lock.requested_signal
        )
        return wish

    def signal(self, requested_signal: SignalRequest) -> bool:
        return bool(self._through("lock.signal", self._lock.signal, requested_signal))

    def release(self) -> LockOwner | None:
        released: LockOwner | None = self._through("lock.release", self._lock.release)
        return released
