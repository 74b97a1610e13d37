"""History as one who only looks has it: the local one, with what the journal on the engine adds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from compose_bluegreen.adapters.history import journal_documents
from compose_bluegreen.adapters.history.comparison import JournalContent, Standing, unread
from compose_bluegreen.adapters.history.journal_documents import Document, Name
from compose_bluegreen.adapters.history.journal_files import Readable, Seen
from compose_bluegreen.adapters.history.merge import join
from compose_bluegreen.adapters.history.sql import SqlHistory
from compose_bluegreen.domain.deployment import Deployment
from compose_bluegreen.domain.errors import BluegreenError, HistoryUnusable, LockLost
from compose_bluegreen.domain.project_ref import ProjectRef


class FollowingHistory:
    """The looks of the History port. The journal is read before the first of them.

    ``remark`` tells a person; ``kept`` is how many documents the journal keeps of a project,
    besides those that a rollback needs.
    """

    def __init__(
        self, local: SqlHistory, journal: Readable, remark: Callable[[str], None], kept: int = 200
    ) -> None:
        self._local = local
        self._readable = journal
        self._remark = remark
        self._kept = kept
        self._fresh = self._reachable = False
        self._names_by_uid: dict[str, list[Name]] = {}
        """What the journal has; of each uid the newest last."""
        self._litter: list[str] = []
        self._damaged: list[Name] = []

    def get(self, deployment: int) -> Deployment | None:
        self._refresh()
        return self._local.get(deployment)

    def newest(
        self, project: str, *, service: str | None = None, limit: int | None = None
    ) -> list[Deployment]:
        self._refresh()
        return self._local.newest(project, service=service, limit=limit)

    def unfinished(self, ref: ProjectRef) -> list[Deployment]:
        self._refresh()
        return self._local.unfinished(ref)

    def waiting(self, ref: ProjectRef) -> list[Deployment]:
        self._refresh()
        return self._local.waiting(ref)

    def live(self, ref: ProjectRef, service: str) -> Deployment | None:
        self._refresh()
        return self._local.live(ref, service)

    def rollback_candidates(
        self, ref: ProjectRef, service: str, *, limit: int | None = None
    ) -> list[Deployment]:
        self._refresh()
        return self._local.rollback_candidates(ref, service, limit=limit)

    # ── from the engine ──────────────────────────────────────────────────────────────────────

    def _refresh(self) -> None:
        if not self._fresh:
            self._pull(Standing.LOOKS)

    def _pull(self, standing: Standing) -> None:
        self._fresh = True
        self._reachable, self._names_by_uid = False, {}
        try:
            seen = self._readable.look()
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
        names_by_uid = _by_uid(seen.files)
        newest = {uid: names[-1] for uid, names in names_by_uid.items()}
        with self._local.store.reading() as connection:
            scope = self._local.scope
            needed = unread(connection, scope, newest.values()) if connection else set(newest)
        if not needed and standing is Standing.LOOKS and not seen.notes:
            return
        if needed and not seen.contents:
            # It may have changed since; what is not seen now is seen the next time.
            seen = self._readable.read() or seen
            names_by_uid = _by_uid(seen.files)
        project = self._local.scope.project
        content, damaged = _content(seen, names_by_uid, needed, self._kept, project)
        with self._local.store.writing() as connection:
            remarks = join(connection, self._local.scope, content, standing)
        self._local.taken = content.taken
        for remark in remarks:
            self._remark(remark)
        self._names_by_uid = names_by_uid
        self._litter = [file for file in seen.files if journal_documents.is_litter(file)]
        for name in damaged:
            self._remark(f"warning: the engine's record of deployment {name.number} is damaged")
        self._damaged = damaged

    def _warn(self, error: BluegreenError, action: str = "written") -> None:
        lines = error.detail.strip().splitlines()
        more = lines[-1] if lines else str(error.hint)
        self._remark(
            f"warning: the engine's copy of history can't be {action}, the local copy is used:"
            f" {error.message}{f' ({more})' if more else ''}"
        )


def _by_uid(files: Sequence[str]) -> dict[str, list[Name]]:
    """A command killed between writing a version and removing the previous one leaves both."""
    names = [name for file in files if (name := Name.read(file))]
    by_uid: dict[str, list[Name]] = {}
    for name in sorted(names, key=lambda version: (version.count, version.revision)):
        by_uid.setdefault(name.uid, []).append(name)
    return by_uid


def _content(
    seen: Seen, names_by_uid: dict[str, list[Name]], needed: set[str], kept: int, project: str
) -> tuple[JournalContent, list[Name]]:
    """And what is damaged. The version before it will do, where it is still there."""
    read: dict[str, Document] = {}
    names: dict[str, Name] = {}
    damaged = []
    for uid, versions in names_by_uid.items():
        names[uid] = versions[-1]
        for name in reversed(versions if uid in needed else ()):
            try:
                read[uid] = journal_documents.read(name, seen.contents[str(name)], project)
                names[uid] = name
                break
            except (journal_documents.Damaged, KeyError):
                damaged.append(name)
    taken = frozenset(
        number for file in seen.files if (number := journal_documents.number_of(file))
    )
    lines = (journal_documents.read_note(line) for line in seen.notes.splitlines())
    return JournalContent(names, read, tuple(filter(None, lines)), taken, kept), damaged
