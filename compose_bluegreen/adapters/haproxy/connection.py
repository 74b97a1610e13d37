"""The session, kept for a whole command: opened again where the proxy restarts, and the lock."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from shlex import quote
from typing import Any, TypeVar

import docker.errors

from compose_bluegreen.adapters.haproxy.box import Box
from compose_bluegreen.adapters.haproxy.config import STATE
from compose_bluegreen.adapters.haproxy.session import NotReady, Session, SessionLost
from compose_bluegreen.adapters.haproxy.steering import Steering
from compose_bluegreen.errors import EngineUnreachable, LockHeld, ProxyFailed
from compose_bluegreen.ports import Holder

READY_SECONDS = 20.0
"""How long a proxy may take to come back before we believe that it won't."""

_T = TypeVar("_T")


class Connection:
    def __init__(self, project: str, api: Any, box: Box) -> None:
        self._project = project
        self._api = api
        self._box = box
        self._session: Session | None = None
        self._holder: Holder | None = None

    def shell(self) -> Session:
        """Raises SessionLost where the proxy's container doesn't run."""
        if self._session is None:
            try:
                self._session = Session(self._api, self._box.name)
            except (docker.errors.NotFound, EngineUnreachable) as error:
                raise SessionLost(
                    f"the proxy {self._box.name} isn't running", hint="docker bluegreen status"
                ) from error
            if self._holder:
                self._lock(self._session, self._holder)
        return self._session

    def steer(self, act: Callable[[Steering], _T]) -> _T:
        """Every act can be done twice, so a proxy that restarts under us is asked again."""
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                return act(Steering(self.shell()))
            except (SessionLost, NotReady) as error:
                if isinstance(error, SessionLost):
                    self.close()
                if self._has_ended() or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def close(self) -> None:
        if self._session:
            self._session.close()
        self._session = None

    @contextmanager
    def hold(self, holder: Holder) -> Iterator[None]:
        """Ends with the session: a holder that dies lets go."""
        self._lock(self.shell(), holder)
        self._holder = holder
        try:
            yield
        finally:
            self._holder = None
            with suppress(ProxyFailed):
                self.shell().run(f"flock -u 9; exec 9>&-; rm -f {STATE}/lock.holder")

    def _lock(self, shell: Session, holder: Holder) -> None:
        shell.run(f"exec 9>>{STATE}/lock")
        if not shell.test("flock -n 9"):
            said = shell.run(f"cat {STATE}/lock.holder 2>/dev/null || true")
            raise LockHeld(
                f"another deployment of {self._project} is under way: {_who(said)}",
                hint="wait for it and run the command again; docker bluegreen history shows it",
            )
        words = {"actor": holder.actor, "what": holder.what, "since": holder.since.isoformat()}
        shell.run(f"printf %s {quote(json.dumps(words))} > {STATE}/lock.holder")

    def _has_ended(self) -> bool:
        return self._box.status() in (None, "exited", "created")


def _who(said: str) -> str:
    try:
        words = json.loads(said)
        since = datetime.fromisoformat(words["since"]).astimezone()
        return f"{words['actor']}, {words['what']}, since {since:%H:%M:%S}"
    except (ValueError, KeyError, TypeError):
        return "its holder didn't say who"
