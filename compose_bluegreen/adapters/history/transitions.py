"""The only way to change the state of a deployment and its parts, inside a transaction.

What always holds: exactly the deployments in LIVE have live parts. Deployments are named by their
primary keys here, in ``sql.py`` by their numbers.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, select, update

from compose_bluegreen.adapters.history.tables import deployment_parts, deployments
from compose_bluegreen.domain.deployment import Kind
from compose_bluegreen.domain.states import State, check_transition

_ENDS = frozenset({State.LIVE, State.FAILED, State.INTERRUPTED, State.STUCK})
"""An attempt is over. What happens to a live deployment later doesn't make it a longer one."""

_parts = deployment_parts.c


def touch(connection: Connection, deployment: int) -> None:
    """It differs from what the journal has, until it gets a revision again."""
    connection.execute(
        update(deployments).where(deployments.c.id == deployment).values(revision=None)
    )


def move(
    connection: Connection, deployment: int, state: State, changed_at: datetime, reason: str = ""
) -> None:
    if state is State.LIVE:
        promote(connection, deployment, changed_at)
        return
    connection.execute(
        update(deployment_parts)
        .where(_parts.deployment_id == deployment, _parts.live)
        .values(live=False)
    )
    _write(connection, _standing(connection, deployment), state, changed_at, reason)


def promote(connection: Connection, deployment: int, changed_at: datetime) -> None:
    row = _standing(connection, deployment)
    _write(connection, row, State.LIVE, changed_at)
    services = connection.scalars(
        select(_parts.service).where(_parts.deployment_id == deployment)
    ).all()
    replaced = live_parts(row.engine, row.project, services)
    losers = connection.scalars(select(_parts.deployment_id).where(replaced).distinct()).all()
    connection.execute(
        update(deployment_parts)
        .where(replaced)
        .values(live=False, taken_back=row.kind is Kind.ROLLBACK)
    )
    connection.execute(
        update(deployment_parts).where(_parts.deployment_id == deployment).values(live=True)
    )
    for loser in losers:
        touch(connection, loser)
        if not _has_live_part(connection, loser):
            taken_back = _standing(connection, loser).number == row.rollback_of
            move(
                connection, loser, State.ROLLED_BACK if taken_back else State.SUPERSEDED, changed_at
            )


def in_states(engine: str, project: str, states: Iterable[State]) -> Select[int]:
    """The ids of a project's deployments that are in one of these states."""
    return select(deployments.c.id).where(
        deployments.c.engine == engine,
        deployments.c.project == project,
        deployments.c.state.in_(states),
    )


def live_parts(engine: str, project: str, services: Iterable[str]) -> ColumnElement[bool]:
    return and_(
        _parts.engine == engine,
        _parts.project == project,
        _parts.service.in_(services),
        _parts.live,
    )


def _standing(connection: Connection, deployment: int) -> Row[Any]:
    return connection.execute(select(deployments).where(deployments.c.id == deployment)).one()


def _write(
    connection: Connection, row: Row[Any], state: State, changed_at: datetime, reason: str = ""
) -> None:
    check_transition(row.state, state)
    values: dict[str, Any] = {"state": state, "revision": None}
    if reason:
        values["reason"] = reason
    if state in _ENDS:
        values["finished_at"] = changed_at
    if row.state is State.LIVE:
        values["retired_at"] = changed_at
    connection.execute(update(deployments).where(deployments.c.id == row.id).values(values))


def _has_live_part(connection: Connection, deployment: int) -> bool:
    live_services = connection.execute(
        select(_parts.service).where(_parts.deployment_id == deployment, _parts.live).limit(1)
    )
    return live_services.first() is not None
