"""The session, kept for a whole command: opened again where the proxy restarts, and the lock."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, RLock, Thread
from typing import Any, TypeVar

import docker.errors

from compose_bluegreen.adapters.haproxy import lock
from compose_bluegreen.adapters.haproxy.exec_shell import NotReady, Session, SessionLost
from compose_bluegreen.adapters.haproxy.lock_documents import LockToken
from compose_bluegreen.adapters.haproxy.master_socket import Master
from compose_bluegreen.adapters.haproxy.proxy_container import Box
from compose_bluegreen.adapters.haproxy.runtime_api import Steering
from compose_bluegreen.domain.errors import BluegreenError, EngineUnreachable, LockLost, ProxyFailed
from compose_bluegreen.domain.hints import Action, Hint
from compose_bluegreen.ports.lock import LockOwner

READY_SECONDS = 20.0
"""How long a proxy may take to come back before we believe that it won't."""

_WATCH_SECONDS = 0.25
"""How often a holder that is busy elsewhere looks whether it still has the lock: a build may take
minutes, and whoever wants the lock gives it only some seconds after a restart of the proxy."""

_PAUSE = 0.02

_STOPPED_LOOKS = 150
"""How often in a row, for three seconds, a container must be seen stopped before it isn't just being
restarted."""

_T = TypeVar("_T")


class Connection:
    """``_turn`` is whose turn it is to use the shell: the command's, or that of the thread which
    keeps the lock while the command is busy elsewhere."""

    def __init__(self, project: str, api: Any, box: Box) -> None:
        self._project = project
        self._api = api
        self._box = box
        self._turn = RLock()
        self._session: Session | None = None
        self._master: Master | None = None
        self._claim: LockToken | None = None
        self._lost: LockLost | None = None

    def shell(self) -> Session:
        """Raises SessionLost where the proxy's container doesn't run, LockLost where the lock that
        this command held is somebody else's now."""
        with self._turn:
            if self._lost:
                raise self._lost
            if self._session is None:
                self._session = self._opened(Session)
                self._take_back(self._session)
            return self._session

    @property
    def is_open(self) -> bool:
        return self._session is not None

    def open(self) -> None:
        """Both streams, for whoever wants them later: it waits for neither."""
        with self._turn:
            self.shell()
            self._socket()

    def steer(self, act: Callable[[Steering], _T]) -> _T:
        """Every act can be done twice, so a proxy that restarts under us is asked again."""
        return self._answered(lambda: act(Steering(self.shell(), self._socket())))

    @contextmanager
    def steering(self, name: str) -> Iterator[Steering]:
        """Of a container beside the one that is steered. Looks only."""
        master = Master(self._api, name)
        try:
            yield Steering(self.shell(), master)
        finally:
            master.close()

    def ask(self, act: Callable[[Session], _T]) -> _T:
        """The same for what isn't HAProxy's own."""
        return self._answered(lambda: act(self.shell()))

    def close(self) -> None:
        with self._turn:
            self._hang_up()
            if self._session:
                self._session.close()
            self._session = None

    # ── the lock ─────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def hold(self, holder: LockOwner) -> Iterator[None]:
        """Ends with the session: a holder that dies lets go."""
        claim = LockToken(holder, uuid.uuid4().hex)
        try:
            self.ask(lambda shell: lock.take(shell, claim, self._project))
        except BaseException:
            self.close()  # with a lock that was taken by halves, if any
            raise
        self._claim = claim
        done = Event()
        Thread(target=self._keep, args=(done,), name="lock", daemon=True).start()
        try:
            yield
        finally:
            done.set()
            self._let_go()

    def assure(self) -> None:
        """Raises LockLost where the lock isn't ours any more. One word there and back."""
        with self._turn:
            if self._claim is None and self._lost is None:
                return
            try:
                self.shell().run(":")
            except SessionLost:
                self.close()
                with suppress(SessionLost):  # where no proxy runs, nobody else can hold it either
                    self.shell()

    def forget(self) -> None:
        """The proxy has gone, and the lock with it."""
        with self._turn:
            self._claim = None
            self.close()

    def _let_go(self) -> None:
        with self._turn:
            held, self._claim = self._claim, None
            if held and self._session:
                with suppress(ProxyFailed):
                    lock.let_go(self._session)

    def _answered(self, act: Callable[[], _T]) -> _T:
        deadline = time.monotonic() + READY_SECONDS
        stopped = 0
        while True:
            try:
                with self._turn:
                    return act()
            except (SessionLost, NotReady) as error:
                if isinstance(error, SessionLost):
                    self.close()
                self._hang_up()
                status = self._box.status()
                stopped = stopped + 1 if status in ("exited", "created") else 0
                if status is None or stopped > _STOPPED_LOOKS or time.monotonic() > deadline:
                    raise
                time.sleep(_PAUSE)

    def _socket(self) -> Master:
        if self._master is None:
            self._master = self._opened(Master)
        return self._master

    def _hang_up(self) -> None:
        with self._turn:
            if self._master:
                self._master.close()
            self._master = None

    def _opened(self, stream: Callable[[Any, str], _T]) -> _T:
        try:
            return stream(self._api, self._box.name)
        except (docker.errors.NotFound, EngineUnreachable) as error:
            raise SessionLost(
                f"the proxy {self._box.name} isn't running", hint=Hint(Action.STATUS)
            ) from error

    def _take_back(self, shell: Session) -> None:
        if self._claim is None:
            return
        try:
            lock.take_back(shell, self._claim, self._project)
        except LockLost as error:
            self._lost, self._claim = error, None
            self.close()
            raise

    def _keep(self, done: Event) -> None:
        """As soon as the proxy runs again, the lock is taken back, whatever the command does."""
        while not done.wait(_WATCH_SECONDS):
            if not self._turn.acquire(blocking=False):
                continue  # the command is at it, and would notice by itself
            try:
                if not done.is_set():
                    self.assure()
            except (BluegreenError, docker.errors.DockerException, OSError):
                pass  # told to the command when it asks
            finally:
                self._turn.release()
