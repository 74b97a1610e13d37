"""History that follows the engine: the local one, and a journal of it beside the proxy.

The local history is written first, so that nothing moves that isn't recorded; then the journal.
Only who holds the lock writes there. A journal that can't be reached costs a warning: what it
lacks goes there the next time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime

from compose_bluegreen.adapters.history import journal_documents, outbox
from compose_bluegreen.adapters.history.comparison import Standing
from compose_bluegreen.adapters.history.journal_documents import Document, Name, Note
from compose_bluegreen.adapters.history.journal_files import Journal
from compose_bluegreen.adapters.history.rows import step_row
from compose_bluegreen.adapters.history.sql import SqlHistory
from compose_bluegreen.adapters.history.synced_reader import FollowingHistory
from compose_bluegreen.domain.deployment import DeployedService, NewDeployment, StepRecord
from compose_bluegreen.domain.errors import BluegreenError, HistoryUnusable, LockLost
from compose_bluegreen.domain.project_ref import ProjectRef
from compose_bluegreen.domain.states import Outcome, State
from compose_bluegreen.ports.lock import Lock, LockOwner, SignalRequest
from compose_bluegreen.runtime.interrupts import shielded

_AT_ONCE = 20
"""Documents in one message to the engine."""


class JournalledHistory(FollowingHistory):
    """The History port, and the Lock: taking it is when the two stories become one."""

    def __init__(
        self,
        local: SqlHistory,
        journal: Journal,
        lock: Lock,
        remark: Callable[[str], None],
        kept: int = 200,
    ) -> None:
        super().__init__(local, journal, remark, kept)
        self._journal = journal
        self._lock = lock
        self._holds = False
        self._arrived: list[Name] = []
        self._uids: dict[int, str] = {}
        """Of the deployments that this command wrote to the journal."""

    # ── the lock ─────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def hold(self, holder: LockOwner) -> Iterator[None]:
        with self._lock.hold(holder):
            self._take_over()
            try:
                yield
            finally:
                with shielded(self._remark):
                    self._leave()
                self._holds = False

    def assure(self) -> None:
        self._lock.assure()

    def owner(self) -> LockOwner | None:
        return self._lock.owner()

    def release(self) -> LockOwner | None:
        return self._lock.release()

    def listen(self) -> AbstractContextManager[None]:
        return self._lock.listen()

    def requested_signal(self) -> SignalRequest | None:
        return self._lock.requested_signal()

    def signal(self, requested_signal: SignalRequest) -> bool:
        return self._lock.signal(requested_signal)

    def _take_over(self) -> None:
        self._pull(Standing.HOLDS_THE_LOCK)
        self._holds = True
        damaged, self._damaged = self._damaged, []
        if not damaged or not self._able():
            return
        for name in damaged:
            self._names_by_uid[name.uid].remove(name)
        try:
            self._journal.set_aside(
                {str(name): journal_documents.set_aside(name) for name in damaged}
            )
        except LockLost:
            raise
        except BluegreenError as error:
            self._reachable = False
            self._warn(error)

    def _leave(self) -> None:
        with suppress(HistoryUnusable, LockLost):  # then it is sent once more, which does no harm
            self._push()
            self._trim()
            self._mark_arrived()

    # ── History: changes ─────────────────────────────────────────────────────────────────────

    def check_writable(self) -> None:
        self._local.check_writable()

    def begin(self, new_deployment: NewDeployment) -> int:
        self._assure()
        deployment = self._local.begin(new_deployment)
        self._push()
        return deployment

    def discard(self, deployment: int) -> None:
        self._assure()
        uid = self._uids.pop(deployment, None)
        self._local.discard(deployment)
        if uid and self._able():
            self._write([], [str(name) for name in self._names_by_uid.pop(uid, [])])

    def parts(self, deployment: int, parts: Sequence[DeployedService]) -> None:
        """Nothing moves by them alone: they go along with the next state."""
        self._local.parts(deployment, parts)

    def to(self, deployment: int, state: State, at: datetime, reason: str = "") -> None:
        self._assure()
        self._local.to(deployment, state, at, reason)
        self._push()

    def promote(self, deployment: int, at: datetime) -> None:
        self._assure()
        self._local.promote(deployment, at)
        self._push()

    def removed(self, ref: ProjectRef, at: datetime) -> None:
        """The proxy may be gone by now, and with it the lock and its holder."""
        self._assure()
        self._local.removed(ref, at)
        if self._holds:
            self._push()
            return
        self._take_over()
        self._leave()
        self._holds = False

    def step(self, deployment: int, step: StepRecord) -> int:
        number = self._local.step(deployment, step)
        self._note(deployment, number, step)
        return number

    def step_ended(
        self, deployment: int, number: int, outcome: Outcome, at: datetime, detail: str = ""
    ) -> None:
        self._local.step_ended(deployment, number, outcome, at, detail)

    def _assure(self) -> None:
        """The local history is no part of the proxy: a command that lost its lock could write there,
        and say of a release of the next command that it is removed. Raises LockLost."""
        if self._holds:
            try:
                self._lock.assure()
            except LockLost:
                raise
            except BluegreenError:
                pass  # the journal tells it

    # ── to the engine ────────────────────────────────────────────────────────────────────────

    def _able(self) -> bool:
        return self._holds and self._reachable

    def _push(self) -> None:
        if not self._able():
            return
        try:
            with self._local.store.writing(lasting=False) as connection:
                outbox.mark(connection, self._arrived)
                leaving = outbox.outgoing(connection, self._local.scope, self._kept)
        except HistoryUnusable as error:
            self._warn(error)  # the change itself is recorded, or it would have been raised
            return
        self._arrived = []
        # A reader in between must never find two live deployments; it may find none.
        leaving.sort(key=lambda document: bool(document.live))
        for start in range(0, len(leaving), _AT_ONCE):
            batch = leaving[start : start + _AT_ONCE]
            now = {document.name for document in batch}
            before = [
                name for document in batch for name in self._names_by_uid.get(document.name.uid, ())
            ]
            self._write(batch, [str(name) for name in before if name not in now])

    def _write(self, leaving: Sequence[Document], obsolete: Sequence[str]) -> None:
        try:
            self._journal.write(
                {str(document.name): document.text for document in leaving}, obsolete
            )
        except LockLost:
            raise
        except BluegreenError as error:
            self._reachable = False
            self._warn(error)
            return
        self._arrived += [document.name for document in leaving]
        self._mark_arrived()
        self._uids |= {document.name.number: document.name.uid for document in leaving}
        self._names_by_uid |= {document.name.uid: [document.name] for document in leaving}

    def _mark_arrived(self) -> None:
        """Before the next step is recorded: a command that reads the journal meanwhile would take the
        document for newer than the local history, and the step would be lost."""
        if self._arrived:
            with suppress(HistoryUnusable), self._local.store.writing(lasting=False) as connection:
                outbox.mark(connection, self._arrived)
                self._arrived = []

    def _trim(self) -> None:
        if not self._able():
            return
        obsolete = [*self._litter]
        if len(self._names_by_uid) > self._kept:
            with self._local.store.reading() as connection:
                scope = self._local.scope
                kept = outbox.kept_uids(connection, scope, self._kept) if connection else set()
            old = [uid for uid in self._names_by_uid if uid not in kept]
            obsolete += [str(name) for uid in old for name in self._names_by_uid.pop(uid)]
        if obsolete:
            self._write([], obsolete)

    def _note(self, deployment: int, number: int, step: StepRecord) -> None:
        if not self._able():
            return
        names = self._names_by_uid.get(self._uids.get(deployment, ""))
        if not names:
            return
        note = Note(names[-1].uid, names[-1].revision, number, step_row(step))
        try:
            self._journal.note(note.text)
        except LockLost:
            raise
        except BluegreenError as error:
            self._reachable = False
            self._warn(error)
