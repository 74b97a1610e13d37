"""The session with the proxy's container: a shell and HAProxy's master socket, for a whole command.

Both are opened again where the proxy restarts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any, Protocol, TypeVar

import docker.errors

from compose_bluegreen.adapters.haproxy.exec_shell import ExecShell, NotReady, SessionLost
from compose_bluegreen.adapters.haproxy.master_socket import MasterSocket
from compose_bluegreen.adapters.haproxy.proxy_container import ProxyContainer
from compose_bluegreen.adapters.haproxy.runtime_api import RuntimeApi
from compose_bluegreen.domain.errors import EngineUnreachable
from compose_bluegreen.domain.hints import Action, Hint

READY_SECONDS = 20.0
"""How long a proxy may take to answer again, before it counts as failed."""

_PAUSE = 0.02

_STOPPED_LOOKS = 150
"""How often in a row, for three seconds, the container must be seen stopped. Before that it may be
restarting."""

_T = TypeVar("_T")


class Guard(Protocol):
    """The lock, which the shell holds."""

    def check(self) -> None:
        """Raises LockLost where the lock that this command held was lost."""

    def opened(self, shell: ExecShell) -> None:
        """Takes the lock back after a new shell was opened. Raises LockLost where that fails."""


class ProxySession:
    """``turn`` is for one user of the shell at a time: the command, or the thread that keeps the lock
    while the command is busy elsewhere."""

    def __init__(self, api: Any, container: ProxyContainer) -> None:
        self.turn = RLock()
        self.guard: Guard | None = None
        self._api = api
        self._container = container
        self._shell: ExecShell | None = None
        self._master: MasterSocket | None = None

    def shell(self) -> ExecShell:
        """Raises SessionLost where the proxy's container does not run, LockLost where the lock that
        this command held was lost."""
        with self.turn:
            if self.guard:
                self.guard.check()
            if self._shell is None:
                self._shell = self._opened(ExecShell)
                if self.guard:
                    self.guard.opened(self._shell)
            return self._shell

    @property
    def is_open(self) -> bool:
        return self._shell is not None

    def runs(self) -> bool:
        """An open shell shows it without a question to the engine."""
        return self.is_open or self._container.status() == "running"

    def open(self) -> None:
        """Both streams, for later use. It waits for neither."""
        with self.turn:
            self.shell()
            self._socket()

    def haproxy(self, act: Callable[[RuntimeApi], _T]) -> _T:
        """Every act can be repeated, so it is tried again where the proxy restarts meanwhile."""
        return self._answered(lambda: act(RuntimeApi(self.shell(), self._socket())))

    @contextmanager
    def haproxy_in(self, name: str, number: int | None = None) -> Iterator[RuntimeApi]:
        """HAProxy in another container, or with that number, to look only."""
        master = MasterSocket(self._api, name, self._container.files_user(name), number)
        try:
            yield RuntimeApi(self.shell(), master)
        finally:
            master.close()

    def ask(self, act: Callable[[ExecShell], _T]) -> _T:
        """The same for what only the shell can do."""
        return self._answered(lambda: act(self.shell()))

    def close(self) -> None:
        with self.turn:
            self.close_socket()
            if self._shell:
                self._shell.close()
            self._shell = None

    def _answered(self, act: Callable[[], _T]) -> _T:
        deadline = time.monotonic() + READY_SECONDS
        stopped = 0
        while True:
            try:
                with self.turn:
                    return act()
            except (SessionLost, NotReady) as error:
                if isinstance(error, SessionLost):
                    self.close()
                self.close_socket()
                status = self._container.status()
                stopped = stopped + 1 if status in ("exited", "created") else 0
                if status is None or stopped > _STOPPED_LOOKS or time.monotonic() > deadline:
                    raise
                time.sleep(_PAUSE)

    def _socket(self) -> MasterSocket:
        if self._master is None:
            self._master = self._opened(MasterSocket)
        return self._master

    def close_socket(self) -> None:
        """The next question opens that of the HAProxy which serves then."""
        with self.turn:
            if self._master:
                self._master.close()
            self._master = None

    def _opened(self, stream: Callable[[Any, str, str], _T]) -> _T:
        name = self._container.name
        try:
            return stream(self._api, name, self._container.files_user(name))
        except (docker.errors.NotFound, EngineUnreachable) as error:
            raise SessionLost(
                f"the proxy {self._container.name} isn't running", hint=Hint(Action.STATUS)
            ) from error
