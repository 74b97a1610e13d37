"""The journal on the engine, in memory; several machines may share one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

from compose_bluegreen.adapters.history.journal_files import Seen
from compose_bluegreen.domain.errors import ProxyFailed
from compose_bluegreen.ports.lock import LockOwner, SignalRequest


class FakeJournal:
    """``writes`` counts messages. ``down`` it can't be reached, ``full`` nothing can be written;
    ``dies_after`` so many files of a message the machine that writes is gone."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.notes = ""
        self.writes = 0
        self.reads = 0
        self.there = True
        self.down = False
        self.full = False
        self.dies_after: int | None = None

    def look(self) -> Seen | None:
        self._reach()
        return Seen(tuple(self.files), self.notes) if self.there else None

    def read(self) -> Seen | None:
        self._reach()
        self.reads += 1
        return Seen(tuple(self.files), self.notes, dict(self.files)) if self.there else None

    def write(self, files: Mapping[str, str], obsolete: Sequence[str]) -> None:
        self._reach()
        if self.full:
            raise ProxyFailed("a command failed", detail="no space left on device")
        self.writes += 1
        for written, (name, text) in enumerate(files.items()):
            if written == self.dies_after:
                raise Killed
            self.files[name] = f"{text}\n".encode()
        if len(files) == self.dies_after:
            raise Killed
        for name in obsolete:
            self.files.pop(name, None)
        self.notes = ""

    def set_aside(self, names: Mapping[str, str]) -> None:
        self._reach()
        for old, new in names.items():
            self.files[new] = self.files.pop(old)

    def note(self, line: str) -> None:
        self._reach()
        self.notes += f"{line}\n"

    def _reach(self) -> None:
        if self.down:
            raise ProxyFailed("the proxy isn't running")


class Killed(BaseException):
    """As by ``kill -9``: nobody gets to clean up."""


class OpenLock:
    """Anybody gets it; who may is another test's matter."""

    @contextmanager
    def hold(self, holder: LockOwner) -> Iterator[None]:
        yield

    def assure(self) -> None:
        pass

    def owner(self) -> LockOwner | None:
        return None

    def release(self) -> LockOwner | None:
        return None

    def listen(self) -> AbstractContextManager[None]:
        return nullcontext()

    def requested_signal(self) -> SignalRequest | None:
        return None

    def signal(self, requested_signal: SignalRequest) -> bool:
        return False
