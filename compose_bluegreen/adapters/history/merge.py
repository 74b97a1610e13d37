"""Merges the journal and the local history; the only copy of a deployment is never overwritten.

By uid, so that two files that went apart are joined. Where both changed the same deployment, the
engine's version is kept: it was written under the lock that is on the engine. Numbers are the
engine's; a local deployment whose number is another's there gets a new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, select, update

from compose_bluegreen.adapters.history.comparison import (
    JournalContent,
    Standing,
    Verdict,
    compare,
    rows_here,
)
from compose_bluegreen.adapters.history.document_fields import Fields
from compose_bluegreen.adapters.history.journal_documents import Document, Name, count
from compose_bluegreen.adapters.history.outbox import kept_uids, mark
from compose_bluegreen.adapters.history.scope import Scope
from compose_bluegreen.adapters.history.tables import (
    deployment_parts,
    deployment_services,
    deployment_steps,
    deployments,
)
from compose_bluegreen.domain.states import TRANSITIONS, State

_columns = deployments.c
_parts = deployment_parts.c


def join(
    connection: Connection, scope: Scope, journal: JournalContent, standing: Standing
) -> list[str]:
    """What a person should know of it. Needs the documents of all that ``unread`` names, but for
    those that can't be read."""
    return _Join(connection, scope, journal, standing).run()


class _Join:
    def __init__(
        self, connection: Connection, scope: Scope, journal: JournalContent, standing: Standing
    ) -> None:
        self._connection = connection
        self._scope = scope
        self._journal = journal
        self._holds = standing is Standing.HOLDS_THE_LOCK
        self._known = rows_here(connection, scope, list(journal.names))
        """What is here of what the journal has. Of a long history that is little."""
        self._remarks: list[str] = []

    @cached_property
    def _mine(self) -> dict[str, Row[Any]]:
        """All that is here, before anything is changed; only a document that is taken needs it."""
        return rows_here(self._connection, self._scope)

    def run(self) -> list[str]:
        taken = self._taken()
        if taken:
            self._tell_of_divergence(taken)
            served = self._lights_out()
            numbers = self._numbers(taken)
            keys = {
                document.name.uid: self._write(document, numbers[document.name.uid])
                for document in taken
            }
            self._light(taken, keys, served)
        if self._holds:
            self._forget_discarded()
            self._send_again()
        self._add_notes()
        return self._remarks

    def _taken(self) -> list[Document]:
        names = self._journal.names.values()
        verdicts = {name: compare(self._known.get(name.uid), name) for name in names}
        marked = [name for name, verdict in verdicts.items() if verdict is Verdict.MARK]
        mark(self._connection, [name for name in marked if self._unmarked(name)])
        documents = self._journal.documents
        taken = [name for name, verdict in verdicts.items() if verdict is Verdict.TAKE]
        readable = [documents[name.uid] for name in taken if name.uid in documents]
        return sorted(readable, key=lambda document: (document.name.number, document.name.uid))

    def _unmarked(self, name: Name) -> bool:
        return bool(self._known[name.uid].journalled != name.revision)

    def _tell_of_divergence(self, taken: list[Document]) -> None:
        for document in taken:
            row = self._known.get(document.name.uid)
            if row is None or row.revision == row.journalled:
                continue
            state = document.deployment["state"]
            if state is not row.state and state not in _later(row.state):
                self._remarks.append(
                    f"deployment {document.name.number} was {row.state} here and is {state} on the engine,"
                    " which counts"
                )

    # ── numbers ──────────────────────────────────────────────────────────────────────────────

    def _numbers(self, taken: list[Document]) -> dict[str, int]:
        """The number of each document; a local deployment with the same number gets a new one."""
        uids = {document.name.uid for document in taken}
        owners = {row.number: uid for uid, row in self._mine.items() if uid not in uids}
        known = [
            *owners,
            *self._journal.taken,
            *(name.number for name in self._journal.names.values()),
        ]
        free = max(known, default=0) + 1
        # Out of the way first: a number may change hands.
        self._renumber({row.id: -row.id for uid, row in self._mine.items() if uid in uids})
        numbers: dict[str, int] = {}
        moved: list[int] = []
        for document in taken:
            number = document.name.number
            if number in numbers.values():  # two files of one engine were mixed by hand
                number, free = free, free + 1
            elif number in owners:
                self._move_away(self._mine[owners.pop(number)], free)
                moved.append(number)
                free += 1
            numbers[document.name.uid] = number
        if moved:
            self._set_apart(min(moved))
        return numbers

    def _set_apart(self, since: int) -> None:
        """What is known here alone from that number on comes from another story, so no rollback goes
        there unless it is named."""
        recent = [row for row in self._alone() if row.number >= since]
        for row in recent:
            self._change(row.id)
            self._connection.execute(
                update(deployment_parts)
                .where(_parts.deployment_id == row.id, ~_parts.live)
                .values(taken_back=True)
            )

    def _move_away(self, row: Row[Any], free: int) -> None:
        self._renumber({row.id: free})
        for column in (_columns.rollback_of, _columns.restores):
            self._connection.execute(
                update(deployments)
                .where(column == row.number, _columns.id.in_(local.id for local in self._alone()))
                .values({column.name: free})
            )
        self._remarks.append(
            f"deployment {row.number} of this machine's own history is now {free}:"
            f" the engine knows another one as {row.number}"
        )

    def _renumber(self, numbers: Mapping[int, int]) -> None:
        for key, number in numbers.items():
            self._connection.execute(
                update(deployments).where(_columns.id == key).values(number=number)
            )

    # ── rows ─────────────────────────────────────────────────────────────────────────────────

    def _write(self, document: Document, number: int) -> int:
        """Its primary key. The engine that it is on counts, whatever one it was known on before."""
        place = {"engine": self._scope.engine, "project": self._scope.project}
        same = number == document.name.number
        row = {
            **place,
            **document.deployment,
            "uid": document.name.uid,
            "number": number,
            "revision": document.name.revision if same else None,
            "journalled": document.name.revision,
        }
        key = self._key(document.name.uid, row)
        for table in (deployment_services, deployment_parts, deployment_steps):
            self._connection.execute(delete(table).where(table.c.deployment_id == key))
        for place_in_line, service in enumerate(document.services):
            self._insert(deployment_services, key, place_in_line, {"service": service})
        for place_in_line, part in enumerate(document.parts):
            self._insert(deployment_parts, key, place_in_line, {**part, **place, "live": False})
        for place_in_line, step in enumerate(document.steps, start=1):
            self._insert(deployment_steps, key, place_in_line, step)
        return key

    def _key(self, uid: str, row: Fields) -> int:
        existing = self._connection.scalar(select(_columns.id).where(_columns.uid == uid))
        if existing is None:
            new = insert(deployments).values(row).returning(_columns.id)
            key: int = self._connection.execute(new).scalar_one()
            return key
        self._connection.execute(update(deployments).where(_columns.id == existing).values(row))
        return int(existing)

    def _insert(self, table: Any, key: int, number: int, row: Fields) -> None:
        whole = {**row, "deployment_id": key, "number": number}
        self._connection.execute(insert(table).values(whole))

    def _change(self, key: int) -> None:
        self._connection.execute(
            update(deployments).where(_columns.id == key).values(revision=None)
        )

    # ── what is live ─────────────────────────────────────────────────────────────────────────

    def _lights_out(self) -> dict[str, int]:
        """What was live here: service to primary key. Nothing is, for a moment."""
        live_parts = (
            _parts.engine == self._scope.engine,
            _parts.project == self._scope.project,
            _parts.live,
        )
        rows = self._connection.execute(
            select(_parts.service, _parts.deployment_id).where(*live_parts)
        )
        served = {row.service: row.deployment_id for row in rows}
        self._connection.execute(update(deployment_parts).where(*live_parts).values(live=False))
        return served

    def _light(
        self, taken: list[Document], keys: Mapping[str, int], served: Mapping[str, int]
    ) -> None:
        """The engine's claims come before the local ones, newer claims before older ones."""
        claims = [
            _Claim(True, document.name.number, service, keys[document.name.uid])
            for document in taken
            for service in document.live
        ]
        rewritten = set(keys.values())
        rows = {row.id: row for row in self._mine.values()}
        for service, key in served.items():
            if key not in rewritten:
                in_journal = rows[key].uid in self._journal.names
                claims.append(_Claim(in_journal, rows[key].number, service, key))
        greatest = {claim.service: claim for claim in sorted(claims)}
        for claim in greatest.values():
            self._connection.execute(
                update(deployment_parts)
                .where(_parts.deployment_id == claim.key, _parts.service == claim.service)
                .values(live=True)
            )
        self._end_what_no_longer_serves()

    def _end_what_no_longer_serves(self) -> None:
        lit = select(_parts.deployment_id).where(_parts.deployment_id == _columns.id, _parts.live)
        dark = self._connection.execute(
            select(_columns.id, _columns.number).where(
                _columns.engine == self._scope.engine,
                _columns.project == self._scope.project,
                _columns.state == State.LIVE,
                ~lit.exists(),
            )
        ).all()
        for row in dark:
            self._connection.execute(
                update(deployments)
                .where(_columns.id == row.id)
                .values(state=State.SUPERSEDED, revision=None)
            )
            self._remarks.append(
                f"deployment {row.number} counts as superseded: the engine knows what is live now"
            )

    # ── what the journal no longer has ───────────────────────────────────────────────────────

    def _forget_discarded(self) -> None:
        """Only what changed nothing is ever taken out of the journal while it is young."""
        if not self._journal.names:
            return
        for row in self._missing(_columns.state == State.PREPARING):
            self._connection.execute(delete(deployments).where(_columns.id == row.id))

    def _send_again(self) -> None:
        """What was lost there, went back to an older version, or can't be read, is here."""
        kept = kept_uids(self._connection, self._scope, self._journal.kept)
        lost = self._missing(_columns.uid.in_(kept - self._journal.names.keys()))
        lost += [
            self._known[name.uid] for name in self._journal.names.values() if self._spoilt(name)
        ]
        for row in lost:
            self._connection.execute(
                update(deployments).where(_columns.id == row.id).values(journalled=None)
            )

    def _spoilt(self, name: Name) -> bool:
        row = self._known.get(name.uid)
        if row is None:
            return False
        unreadable = name.uid not in self._journal.documents
        older = name.count < count(row.journalled)
        return older or (unreadable and compare(row, name) is Verdict.TAKE)

    def _missing(self, which: ColumnElement[bool]) -> list[Row[Any]]:
        """The journal had these as they are here, and has them no more."""
        rows: Iterable[Any] = self._connection.execute(
            select(_columns.id, _columns.uid).where(
                _columns.engine == self._scope.engine,
                _columns.project == self._scope.project,
                _columns.journalled.is_not(None),
                _columns.revision == _columns.journalled,
                which,
            )
        )
        return [row for row in rows if row.uid not in self._journal.names]

    def _alone(self) -> list[Row[Any]]:
        """Known here, and not to the journal."""
        return [row for uid, row in self._mine.items() if uid not in self._journal.names]

    # ── steps ────────────────────────────────────────────────────────────────────────────────

    def _add_notes(self) -> None:
        """To what is here as it is there; the holder of the lock then makes a document of it."""
        references = {(note.uid, note.after) for note in self._journal.notes}
        keys = {(uid, after): self._same(uid, after) for uid, after in references}
        for note in self._journal.notes:
            key = keys[note.uid, note.after]
            if key is None:
                continue
            same = (
                deployment_steps.c.deployment_id == key,
                deployment_steps.c.number == note.number,
            )
            self._connection.execute(delete(deployment_steps).where(*same))
            self._insert(deployment_steps, key, note.number, note.step)
            if self._holds:
                self._change(key)

    def _same(self, uid: str, revision: str) -> int | None:
        unchanged = (
            _columns.uid == uid,
            _columns.revision == revision,
            _columns.journalled == revision,
        )
        key: int | None = self._connection.scalar(select(_columns.id).where(*unchanged))
        return key


@dataclass(frozen=True, slots=True, order=True)
class _Claim:
    """That a service's live part is one of this deployment; the greatest holds."""

    in_journal: bool
    number: int
    service: str
    key: int


def _later(state: State) -> set[State]:
    """What a deployment in this state may still become."""
    states: set[State] = set()
    ahead = set(TRANSITIONS[state])
    while ahead:
        state_after = ahead.pop()
        states.add(state_after)
        ahead |= TRANSITIONS[state_after] - states
    return states
