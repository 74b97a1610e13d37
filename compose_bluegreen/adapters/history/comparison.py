"""What the journal has beside what is here: which documents must be read, and which count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from sqlalchemy import Connection, Row, select

from compose_bluegreen.adapters.history.journal_documents import Document, Name, Note, count
from compose_bluegreen.adapters.history.scope import Scope
from compose_bluegreen.adapters.history.tables import deployments

_columns = deployments.c


class Standing(Enum):
    """Whether a reader may be wrong about what it saw: only the holder of the lock is not."""

    LOOKS = auto()
    HOLDS_THE_LOCK = auto()


class Verdict(Enum):
    TAKE = auto()
    MARK = auto()
    KEEP = auto()


@dataclass(frozen=True, slots=True)
class JournalContent:
    """What the journal has: the newest name of each uid, and the documents that could be read.

    ``taken`` are numbers of what can't be read any more; ``kept`` is how many the journal keeps.
    """

    names: Mapping[str, Name]
    documents: Mapping[str, Document] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    taken: frozenset[int] = frozenset()
    kept: int = 200


def unread(connection: Connection, scope: Scope, names: Iterable[Name]) -> set[str]:
    """The uids whose documents are needed to join."""
    names = list(names)
    mine = rows_here(connection, scope, [name.uid for name in names])
    return {name.uid for name in names if compare(mine.get(name.uid), name) is Verdict.TAKE}


def rows_here(
    connection: Connection, scope: Scope, uids: Sequence[str] | None = None
) -> dict[str, Row[Any]]:
    """What is here of these, or of all."""
    chosen = select(
        _columns.id,
        _columns.uid,
        _columns.number,
        _columns.state,
        _columns.revision,
        _columns.journalled,
    ).where(_columns.engine == scope.engine, _columns.project == scope.project)
    if uids is not None:
        chosen = chosen.where(_columns.uid.in_(uids))
    rows = connection.execute(chosen)
    by_uid: dict[str, Any] = {row.uid: row for row in rows}
    return by_uid


def compare(row: Row[Any] | None, name: Name) -> Verdict:
    if row is None:
        return Verdict.TAKE
    if name.revision == row.revision:
        return Verdict.MARK
    # Ours is newer, or we look at what is older than what we have already seen there.
    ours = name.revision == row.journalled or name.count < count(row.journalled)
    return Verdict.KEEP if ours else Verdict.TAKE
