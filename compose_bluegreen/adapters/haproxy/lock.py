"""The deployment lock of a project, which a shell in its proxy's container holds."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

import docker.errors

from compose_bluegreen.adapters.haproxy import flock
from compose_bluegreen.adapters.haproxy.exec_shell import ExecShell, SessionLost
from compose_bluegreen.adapters.haproxy.lock_documents import LockToken
from compose_bluegreen.adapters.haproxy.proxy_session import ProxySession
from compose_bluegreen.domain.errors import BluegreenError, LockLost, ProxyFailed
from compose_bluegreen.ports.lock import LockOwner, SignalRequest

_WATCH_SECONDS = 0.25
"""How often an owner that is busy elsewhere checks that it still has the lock: a build may take
minutes, and after a restart of the proxy the next command waits only some seconds for the owner."""


class EngineLock:
    """``taken`` is called each time after this command took the lock."""

    def __init__(self, project: str, session: ProxySession, taken: Callable[[], None]) -> None:
        self._project = project
        self._session = session
        self._taken = taken
        self._token: LockToken | None = None
        self._lost: LockLost | None = None
        session.guard = self

    @contextmanager
    def hold(self, holder: LockOwner) -> Iterator[None]:
        """Needs a proxy that runs. The lock ends with this process, however that ends."""
        token = LockToken(holder, uuid.uuid4().hex)
        try:
            self._session.ask(lambda shell: flock.take(shell, token, self._project))
        except BaseException:
            self._session.close()  # with a lock that was half taken, if any
            raise
        self._token = token
        done = Event()
        Thread(target=self._keep, args=(done,), name="lock", daemon=True).start()
        try:
            self._taken()
            yield
        finally:
            done.set()
            self._give_up()

    def assure(self) -> None:
        """One question and one answer."""
        with self._session.turn:
            if self._token is None and self._lost is None:
                return
            try:
                self._session.shell().run(":")
            except SessionLost:
                self._session.close()
                with suppress(SessionLost):  # where no proxy runs, no other command can hold it
                    self._session.shell()

    def forget(self) -> None:
        """The proxy was removed, and the lock with it."""
        with self._session.turn:
            self._token = None
            self._session.close()

    def owner(self) -> LockOwner | None:
        return self._session.ask(flock.owner) if self._session.runs() else None

    @contextmanager
    def listen(self) -> Iterator[None]:
        self._session.ask(flock.listen)
        try:
            yield
        finally:
            with suppress(ProxyFailed, LockLost):
                self._session.ask(flock.stop_listening)

    def requested_signal(self) -> SignalRequest | None:
        return self._session.ask(flock.requested_signal)

    def signal(self, requested_signal: SignalRequest) -> bool:
        return self._session.runs() and self._session.ask(
            lambda shell: flock.signal(shell, requested_signal)
        )

    def release(self) -> LockOwner | None:
        return self._session.ask(flock.release) if self._session.runs() else None

    # ── the session's guard ──────────────────────────────────────────────────────────────────

    def check(self) -> None:
        if self._lost:
            raise self._lost

    def opened(self, shell: ExecShell) -> None:
        if self._token is None:
            return
        try:
            flock.take_back(shell, self._token, self._project)
        except BaseException as error:
            if isinstance(error, LockLost):
                self._lost, self._token = error, None
            self._session.close()  # a shell that does not hold the lock must not be used
            raise

    def _give_up(self) -> None:
        with self._session.turn:
            token, self._token = self._token, None
            if token and self._session.is_open:
                with suppress(ProxyFailed):
                    flock.give_up(self._session.shell())

    def _keep(self, done: Event) -> None:
        """Takes the lock back as soon as the proxy runs again, whatever the command does."""
        while not done.wait(_WATCH_SECONDS):
            if not self._session.turn.acquire(blocking=False):
                continue  # the command uses the shell, and would notice by itself
            try:
                if not done.is_set():
                    self.assure()
            except (BluegreenError, docker.errors.DockerException, OSError):
                pass  # raised again in the command when it asks
            finally:
                self._session.turn.release()
