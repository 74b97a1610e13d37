"""What the local history must know of the journal: what to send, and what has arrived."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, Table, func, or_, select, update

from compose_bluegreen.adapters.history.journal_documents import Document, Name, document
from compose_bluegreen.adapters.history.scope import Scope
from compose_bluegreen.adapters.history.tables import (
    deployment_parts,
    deployment_services,
    deployment_steps,
    deployments,
)
from compose_bluegreen.domain.states import ROLLBACK_CANDIDATES, State

_columns = deployments.c


def mark(connection: Connection, arrived: Iterable[Name]) -> None:
    """The journal has these."""
    for name in arrived:
        connection.execute(
            update(deployments).where(_columns.uid == name.uid).values(journalled=name.revision)
        )


def outgoing(connection: Connection, scope: Scope, kept: int) -> list[Document]:
    """What the journal doesn't have as it is here, oldest first; of old ones no more than it keeps."""
    unsent = or_(
        _columns.revision.is_(None),
        _columns.journalled.is_(None),
        _columns.revision != _columns.journalled,
    )
    keys = connection.scalars(_of(scope).where(unsent).with_only_columns(_columns.id)).all()
    if len(keys) > kept:
        chosen = _kept_keys(connection, scope, kept)
        keys = [key for key in keys if key in chosen]
    rows = connection.execute(_of(scope).where(_columns.id.in_(keys))).mappings().all()
    return [_stamped(connection, row) for row in rows]


def _kept_keys(connection: Connection, scope: Scope, kept: int) -> set[int]:
    """The newest and the waiting deployments, and the rollback targets of each service."""
    waiting = _of(scope).where(_columns.state == State.WAITING)
    newest = _of(scope).order_by(None).order_by(_columns.number.desc()).limit(kept)
    return {
        *connection.scalars(newest.with_only_columns(_columns.id)),
        *connection.scalars(waiting.with_only_columns(_columns.id)),
        *_targets(connection, scope),
    }


def kept_uids(connection: Connection, scope: Scope, kept: int) -> set[str]:
    """The uids of those that the journal keeps."""
    keys = _kept_keys(connection, scope, kept)
    return set(connection.scalars(select(_columns.uid).where(_columns.id.in_(keys))))


def _of(scope: Scope) -> Select[Any]:
    mine = _columns.engine == scope.engine, _columns.project == scope.project
    return select(deployments).where(*mine).order_by(_columns.number)


def _targets(connection: Connection, scope: Scope) -> set[int]:
    """The newest release of each image that retention keeps: so many of a service as its ``keep`` says.

    An older release of the same image is no target of its own: of an image that many releases share,
    because only their configuration differs, the journal would keep all of them.
    """
    parts = deployment_parts.c
    newest = func.max(_columns.number)
    releases = connection.execute(
        select(parts.service, parts.image_id, newest.label("number"))
        .join(deployments, _columns.id == parts.deployment_id)
        .where(
            parts.engine == scope.engine,
            parts.project == scope.project,
            _columns.state.in_(ROLLBACK_CANDIDATES),
        )
        .group_by(parts.service, parts.image_id)
        .order_by(newest.desc())
    )
    numbers: dict[str, list[int]] = defaultdict(list)
    for row in releases:
        numbers[row.service].append(row.number)
    chosen = {
        number
        for service, of_service in numbers.items()
        for number in of_service[: 1 + _keep(connection, scope, service, of_service[0])]
    }
    keys = _of(scope).where(_columns.number.in_(chosen)).with_only_columns(_columns.id)
    return set(connection.scalars(keys))


def _keep(connection: Connection, scope: Scope, service: str, number: int) -> int:
    """``keep`` of the service, as its newest release has it."""
    from compose_bluegreen.config.settings_reader import restored  # noqa: PLC0415 - pydantic: not to look

    parts = deployment_parts.c
    settings = connection.execute(
        select(parts.settings)
        .join(deployments, _columns.id == parts.deployment_id)
        .where(
            parts.engine == scope.engine,
            parts.project == scope.project,
            parts.service == service,
            _columns.number == number,
        )
    ).scalar_one()
    return restored(settings).keep


def _stamped(connection: Connection, row: RowMapping) -> Document:
    """With its new revision, which it keeps here too, unless nothing changed since it got one."""
    stamped = document(
        row["number"],
        row["uid"],
        row["revision"] or row["journalled"],
        row,
        [child["service"] for child in _children(connection, deployment_services, row["id"])],
        _children(connection, deployment_parts, row["id"]),
        _children(connection, deployment_steps, row["id"]),
    )
    # The same content in a newer format has another digest.
    if row["revision"] is not None and stamped.name.has_content_of(row["revision"]):
        return replace(stamped, name=replace(stamped.name, revision=row["revision"]))
    connection.execute(
        update(deployments).where(_columns.id == row["id"]).values(revision=stamped.name.revision)
    )
    return stamped


def _children(connection: Connection, table: Table, key: int) -> Sequence[RowMapping]:
    query = select(table).where(table.c.deployment_id == key).order_by(table.c.number)
    return connection.execute(query).mappings().all()
