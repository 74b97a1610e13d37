"""The History port over SQL. Every change is one transaction, from reading to writing."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import URL, Select, delete, func, insert, make_url, select, update

from compose_bluegreen.adapters.history import failures, moves
from compose_bluegreen.adapters.history.rows import draft_row, load, part_row, step_row
from compose_bluegreen.adapters.history.sqlite import SqliteStore
from compose_bluegreen.adapters.history.tables import (
    deployment_parts,
    deployment_services,
    deployment_steps,
    deployments,
)
from compose_bluegreen.domain import (
    PROVEN,
    UNFINISHED,
    Deployment,
    Draft,
    Outcome,
    Part,
    State,
    StepRecord,
    WrongTransition,
)


class SqlHistory:
    """Opens nothing before it is asked; use it as a context manager, or ``close()`` it.

    ``patience`` is how long a change waits for another program's; looking waits for nobody.
    """

    def __init__(self, url: str | URL, *, patience: timedelta = timedelta(seconds=30)) -> None:
        file = make_url(url).database
        if not file:
            raise ValueError("a history needs a file")
        self._store = SqliteStore(Path(file).absolute(), patience)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._store.close()

    def check_writable(self) -> None:
        self._store.check_writable()

    def begin(self, draft: Draft) -> int:
        with self._store.writing() as connection:
            row = {"uid": str(uuid.uuid4()), "state": State.PREPARING, **draft_row(draft)}
            new = insert(deployments).values(row).returning(deployments.c.id)
            deployment: int = connection.execute(new).scalar_one()
            for number, service in enumerate(draft.services):
                connection.execute(
                    insert(deployment_services).values(
                        deployment_id=deployment, number=number, service=service
                    )
                )
        return deployment

    def discard(self, deployment: int) -> None:
        with self._store.writing() as connection:
            state = moves.standing(connection, deployment).state
            if state is not State.PREPARING:
                raise WrongTransition(f"a deployment that is {state} can't be discarded")
            connection.execute(delete(deployments).where(deployments.c.id == deployment))

    def parts(self, deployment: int, parts: Sequence[Part]) -> None:
        table = deployment_parts
        with self._store.writing() as connection:
            row = moves.standing(connection, deployment)
            if row.state not in UNFINISHED:
                raise WrongTransition(f"a deployment that is {row.state} can't get parts")
            connection.execute(delete(table).where(table.c.deployment_id == deployment))
            place = {"deployment_id": deployment, "engine": row.engine, "project": row.project}
            for number, part in enumerate(parts):
                connection.execute(
                    insert(table).values({**place, "number": number, **part_row(part)})
                )

    def to(self, deployment: int, state: State, at: datetime, reason: str = "") -> None:
        with self._store.writing() as connection:
            moves.move(connection, deployment, state, at, reason)

    def promote(self, deployment: int, at: datetime) -> None:
        with self._store.writing() as connection:
            moves.promote(connection, deployment, at)

    def removed(self, engine: str, project: str, at: datetime) -> None:
        live = moves.in_states(engine, project, {State.LIVE})
        with self._store.writing() as connection:
            for deployment in connection.scalars(live).all():
                moves.move(connection, deployment, State.REMOVED, at)

    def step(self, deployment: int, step: StepRecord) -> int:
        columns = deployment_steps.c
        with self._store.writing() as connection:
            moves.standing(connection, deployment)
            last: int | None = connection.scalar(
                select(func.max(columns.number)).where(columns.deployment_id == deployment)
            )
            number = (last or 0) + 1
            row = {"deployment_id": deployment, "number": number, **step_row(step)}
            connection.execute(insert(deployment_steps).values(row))
        return number

    def step_ended(
        self, deployment: int, number: int, outcome: Outcome, at: datetime, detail: str = ""
    ) -> None:
        columns = deployment_steps.c
        with self._store.writing() as connection:
            ended = connection.execute(
                update(deployment_steps)
                .where(columns.deployment_id == deployment, columns.number == number)
                .values(outcome=outcome, finished_at=at, detail=detail)
            )
            if not ended.rowcount:
                raise LookupError(f"deployment {deployment} has no step {number}")

    def get(self, deployment: int) -> Deployment | None:
        chosen = select(deployments.c.id).where(deployments.c.id == deployment)
        return next(iter(self._load(chosen, steps=True)), None)

    def newest(
        self, project: str, *, service: str | None = None, limit: int | None = None
    ) -> list[Deployment]:
        chosen = select(deployments.c.id).where(deployments.c.project == project)
        if service is not None:
            named = deployment_services.c
            chosen = chosen.where(
                select(named.number)
                .where(named.deployment_id == deployments.c.id, named.service == service)
                .exists()
            )
        return self._load(chosen.order_by(deployments.c.id.desc()).limit(limit), models=False)

    def unfinished(self, engine: str, project: str) -> list[Deployment]:
        return self._load(moves.in_states(engine, project, UNFINISHED))

    def live(self, engine: str, project: str, service: str) -> Deployment | None:
        chosen = select(deployment_parts.c.deployment_id).where(
            moves.live_parts(engine, project, [service])
        )
        return next(iter(self._load(chosen)), None)

    def proven(
        self, engine: str, project: str, service: str, *, limit: int | None = None
    ) -> list[Deployment]:
        columns = deployment_parts.c
        chosen = (
            select(columns.deployment_id)
            .join(deployments, deployments.c.id == columns.deployment_id)
            .where(
                columns.engine == engine,
                columns.project == project,
                columns.service == service,
                ~columns.taken_back,
                deployments.c.state.in_(PROVEN),
            )
            .order_by(columns.deployment_id.desc())
            .limit(limit)
        )
        return self._load(chosen)

    def _load(
        self, chosen: Select[Any], *, models: bool = True, steps: bool = False
    ) -> list[Deployment]:
        with self._store.reading() as connection:
            if connection is None:
                return []
            try:
                return load(connection, chosen, models=models, steps=steps)
            except ValueError as error:
                # A word or a JSON document that nobody of us wrote.
                raise failures.damaged(self._store.file) from error
