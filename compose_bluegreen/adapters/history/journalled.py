"""History that follows the engine: the local one, and a journal of it beside the proxy.

The local history is written first, so that nothing moves that isn't recorded; then the journal.
Only who holds the lock writes there. A journal that can't be reached costs a warning: what it
lacks goes there the next time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

from compose_bluegreen.adapters.history import copies, documents
from compose_bluegreen.adapters.history.documents import Document, Name
from compose_bluegreen.adapters.history.join import Found, Note, Standing, join, unread
from compose_bluegreen.adapters.history.journal import Journal, Seen
from compose_bluegreen.adapters.history.sql import SqlHistory
from compose_bluegreen.domain import Deployment, Draft, Outcome, Part, State, StepRecord
from compose_bluegreen.errors import BluegreenError, HistoryUnusable, LockLost
from compose_bluegreen.interrupts import shielded
from compose_bluegreen.ports import Holder, Lock

_AT_ONCE = 20
"""Documents in one message to the engine."""


class JournalledHistory:
    """The History port, and the Lock: taking it is when the two stories become one.

    ``remark`` tells a person.
    """

    def __init__(
        self, local: SqlHistory, journal: Journal, lock: Lock, remark: Callable[[str], None]
    ) -> None:
        self._local = local
        self._journal = journal
        self._lock = lock
        self._remark = remark
        self._fresh = self._holds = self._reachable = False
        self._there: dict[str, list[Name]] = {}
        """While the lock is held: what the journal has, of each uid the newest last."""
        self._arrived: list[Name] = []

    # ── the lock ─────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def hold(self, holder: Holder) -> Iterator[None]:
        with self._lock.hold(holder):
            self._pull(Standing.HOLDS_THE_LOCK)
            self._holds = True
            try:
                yield
            finally:
                with shielded(self._remark):
                    self._leave()
                self._holds = False

    def assure(self) -> None:
        self._lock.assure()

    def holder(self) -> Holder | None:
        return self._lock.holder()

    def release(self) -> Holder | None:
        return self._lock.release()

    def _leave(self) -> None:
        with suppress(HistoryUnusable, LockLost):  # then it is sent once more, which does no harm
            self._push()
            self._trim()
            if self._arrived:
                with self._local.store.writing() as connection:
                    copies.mark(connection, self._arrived)
                self._arrived = []

    # ── History: changes ─────────────────────────────────────────────────────────────────────

    def check_writable(self) -> None:
        self._local.check_writable()

    def begin(self, draft: Draft) -> int:
        deployment = self._local.begin(draft)
        self._push()
        return deployment

    def discard(self, deployment: int) -> None:
        uid = self._local.uid(deployment)
        self._local.discard(deployment)
        if uid and self._able():
            self._write([], self._there.pop(uid, []))

    def parts(self, deployment: int, parts: Sequence[Part]) -> None:
        """Nothing moves by them alone: they go along with the next state."""
        self._local.parts(deployment, parts)

    def to(self, deployment: int, state: State, at: datetime, reason: str = "") -> None:
        self._local.to(deployment, state, at, reason)
        self._push()

    def promote(self, deployment: int, at: datetime) -> None:
        self._local.promote(deployment, at)
        self._push()

    def removed(self, engine: str, project: str, at: datetime) -> None:
        """By now there may be no proxy any more, so no lock, and nobody who could hold it."""
        self._local.removed(engine, project, at)
        if self._holds:
            self._push()
            return
        self._pull(Standing.HOLDS_THE_LOCK)
        self._holds = True
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

    # ── History: looks ───────────────────────────────────────────────────────────────────────

    def get(self, deployment: int) -> Deployment | None:
        self._refresh()
        return self._local.get(deployment)

    def newest(
        self, project: str, *, service: str | None = None, limit: int | None = None
    ) -> list[Deployment]:
        self._refresh()
        return self._local.newest(project, service=service, limit=limit)

    def unfinished(self, engine: str, project: str) -> list[Deployment]:
        self._refresh()
        return self._local.unfinished(engine, project)

    def live(self, engine: str, project: str, service: str) -> Deployment | None:
        self._refresh()
        return self._local.live(engine, project, service)

    def proven(
        self, engine: str, project: str, service: str, *, limit: int | None = None
    ) -> list[Deployment]:
        self._refresh()
        return self._local.proven(engine, project, service, limit=limit)

    # ── from the engine ──────────────────────────────────────────────────────────────────────

    def _refresh(self) -> None:
        if not self._fresh:
            self._pull(Standing.LOOKS)

    def _pull(self, standing: Standing) -> None:
        self._fresh = True
        self._reachable, self._there = False, {}
        try:
            seen = self._journal.look()
            if seen is None:
                return
            self._join(seen, standing)
        except (HistoryUnusable, LockLost):
            raise
        except BluegreenError as error:
            self._warn(error, "read")
            return
        self._reachable = True

    def _join(self, seen: Seen, standing: Standing) -> None:
        there = _by_uid(seen.files)
        newest = {uid: names[-1] for uid, names in there.items()}
        with self._local.store.reading() as connection:
            scope = self._local.scope
            needed = unread(connection, scope, newest.values()) if connection else set(newest)
        if not needed and standing is Standing.LOOKS and not seen.notes:
            return
        if needed and not seen.contents:
            # It may have changed since; what is not seen now is seen the next time.
            seen = self._journal.read() or seen
            there = _by_uid(seen.files)
        found, damaged = _found(seen, there, needed)
        with self._local.store.writing() as connection:
            remarks = join(connection, self._local.scope, found, standing)
        self._local.taken = found.taken
        for remark in remarks:
            self._remark(remark)
        self._there = there
        self._tell_of_damage(damaged, standing)

    def _tell_of_damage(self, damaged: Sequence[Name], standing: Standing) -> None:
        for name in damaged:
            self._remark(f"warning: the engine's record of deployment {name.number} is damaged")
        if damaged and standing is Standing.HOLDS_THE_LOCK:
            self._journal.set_aside({str(one): documents.set_aside(one) for one in damaged})
            for name in damaged:
                self._there[name.uid] = [one for one in self._there[name.uid] if one != name]

    # ── to the engine ────────────────────────────────────────────────────────────────────────

    def _able(self) -> bool:
        return self._holds and self._reachable

    def _push(self) -> None:
        if not self._able():
            return
        try:
            with self._local.store.writing() as connection:
                copies.mark(connection, self._arrived)
                leaving = copies.outgoing(connection, self._local.scope)
        except HistoryUnusable as error:
            self._warn(error)  # the change itself is recorded, or it would have been raised
            return
        self._arrived = []
        # Whoever reads in between finds rather nothing live than two.
        leaving.sort(key=lambda one: bool(one.live))
        for start in range(0, len(leaving), _AT_ONCE):
            some = leaving[start : start + _AT_ONCE]
            before = [name for one in some for name in self._there.get(one.name.uid, ())]
            self._write(some, [name for name in before if name not in {one.name for one in some}])

    def _write(self, leaving: Sequence[Document], gone: Sequence[Name]) -> None:
        try:
            files = {str(one.name): one.text for one in leaving}
            self._journal.write(files, [str(name) for name in gone])
        except LockLost:
            raise
        except BluegreenError as error:
            self._reachable = False
            self._warn(error)
            return
        self._arrived += [one.name for one in leaving]
        self._there |= {one.name.uid: [one.name] for one in leaving}

    def _trim(self) -> None:
        if len(self._there) <= copies.KEPT or not self._able():
            return
        with self._local.store.reading() as connection:
            kept = copies.wanted_uids(connection, self._local.scope) if connection else set()
        gone = [uid for uid in self._there if uid not in kept]
        if gone:
            self._write([], [name for uid in gone for name in self._there.pop(uid)])

    def _note(self, deployment: int, number: int, step: StepRecord) -> None:
        if not self._able():
            return
        there = self._there.get(self._local.uid(deployment) or "")
        if not there:
            return
        line = {
            "uid": there[-1].uid,
            "after": there[-1].revision,
            "number": number,
            "step": documents.step_text(_row(step)),
        }
        try:
            self._journal.note(json.dumps(line))
        except LockLost:
            raise
        except BluegreenError as error:
            self._reachable = False
            self._warn(error)

    def _warn(self, error: BluegreenError, what: str = "written") -> None:
        said = error.detail.strip().splitlines()
        more = said[-1] if said else error.hint
        self._remark(
            f"warning: the engine's copy of history can't be {what}, the one here goes on:"
            f" {error.message}{f' ({more})' if more else ''}"
        )


def _by_uid(files: Sequence[str]) -> dict[str, list[Name]]:
    """Who died between writing one version and removing the one before left two."""
    names = [name for file in files if (name := Name.read(file))]
    found: dict[str, list[Name]] = {}
    for name in sorted(names, key=lambda one: (one.count, one.revision)):
        found.setdefault(name.uid, []).append(name)
    return found


def _found(seen: Seen, there: dict[str, list[Name]], needed: set[str]) -> tuple[Found, list[Name]]:
    """And what is damaged. The version before it will do, where it is still there."""
    read: dict[str, Document] = {}
    names: dict[str, Name] = {}
    damaged = []
    for uid, versions in there.items():
        names[uid] = versions[-1]
        for name in reversed(versions if uid in needed else ()):
            try:
                read[uid] = documents.read(name, seen.contents[str(name)])
                names[uid] = name
                break
            except (documents.Damaged, KeyError):
                damaged.append(name)
    taken = frozenset(number for file in seen.files if (number := documents.number_of(file)))
    return Found(names, read, tuple(_notes(seen.notes)), taken), damaged


def _notes(text: str) -> Iterator[Note]:
    """A line that was cut off, or is none, is passed over."""
    for line in text.splitlines():
        with suppress(ValueError, KeyError, TypeError):
            found = json.loads(line)
            step = documents.step(found["step"])
            yield Note(found["uid"], found["after"], int(found["number"]), step)


def _row(step: StepRecord) -> dict[str, Any]:
    return {
        "name": step.name,
        "cause": step.cause,
        "outcome": step.outcome,
        "started_at": step.started_at,
        "finished_at": step.finished_at,
        "detail": step.detail,
    }
