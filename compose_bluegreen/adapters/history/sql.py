"""The History port over SQL. Every change is one transaction, from reading to writing.

States last, whatever happens; steps and parts go to the disk with the next state.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self

from sqlalchemy import (
    URL,
    Connection,
    Row,
    Select,
    delete,
    exists,
    func,
    insert,
    make_url,
    select,
    update,
)

from compose_bluegreen.adapters.history import transitions
from compose_bluegreen.adapters.history.rows import draft_row, load, part_row, step_row
from compose_bluegreen.adapters.history.scope import Scope
from compose_bluegreen.adapters.history.store import store_at
from compose_bluegreen.adapters.history.tables import (
    deployment_parts,
    deployment_services,
    deployment_steps,
    deployments,
)
from compose_bluegreen.domain.deployment import (
    DeployedService,
    Deployment,
    NewDeployment,
    StepRecord,
)
from compose_bluegreen.domain.project_ref import ProjectRef
from compose_bluegreen.domain.states import (
    ROLLBACK_CANDIDATES,
    UNFINISHED,
    Outcome,
    State,
    WrongTransition,
)


class SqlHistory:
    """Opens nothing before it is asked; use it as a context manager, or ``close()`` it.

    ``patience`` is how long a write waits for another program's write; a read never waits.
    ``taken`` are numbers that no new deployment may get, though there is none of them here.
    """

    def __init__(
        self, url: str | URL, scope: Scope, *, patience: timedelta = timedelta(seconds=30)
    ) -> None:
        self.scope = scope
        self.taken: frozenset[int] = frozenset()
        self.store = store_at(make_url(url), patience)

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
        self.store.close()

    def check_writable(self) -> None:
        self.store.check_writable()

    def begin(self, new_deployment: NewDeployment) -> int:
        if Scope(new_deployment.engine, new_deployment.project) != self.scope:
            raise ValueError(f"this is the history of {self.scope}")
        with self.store.writing() as connection:
            number = self._last_number(connection) + 1
            row = {"uid": str(uuid.uuid4()), "number": number, "state": State.PREPARING}
            new = (
                insert(deployments)
                .values(row | draft_row(new_deployment))
                .returning(deployments.c.id)
            )
            key: int = connection.execute(new).scalar_one()
            for place, service in enumerate(new_deployment.services):
                connection.execute(
                    insert(deployment_services).values(
                        deployment_id=key, number=place, service=service
                    )
                )
        return number

    def discard(self, deployment: int) -> None:
        with self.store.writing() as connection:
            row = self._row(connection, deployment)
            if row.state is not State.PREPARING:
                raise WrongTransition(f"a deployment that is {row.state} can't be discarded")
            connection.execute(delete(deployments).where(deployments.c.id == row.id))

    def parts(self, deployment: int, parts: Sequence[DeployedService]) -> None:
        table = deployment_parts
        with self.store.writing(lasting=False) as connection:
            row = self._row(connection, deployment)
            if row.state not in UNFINISHED:
                raise WrongTransition(f"a deployment that is {row.state} can't get parts")
            transitions.touch(connection, row.id)
            connection.execute(delete(table).where(table.c.deployment_id == row.id))
            place = {"deployment_id": row.id, "engine": row.engine, "project": row.project}
            for number, part in enumerate(parts):
                connection.execute(
                    insert(table).values({**place, "number": number, **part_row(part)})
                )

    def to(self, deployment: int, state: State, at: datetime, reason: str = "") -> None:
        with self.store.writing() as connection:
            transitions.move(connection, self._row(connection, deployment).id, state, at, reason)

    def promote(self, deployment: int, at: datetime) -> None:
        with self.store.writing() as connection:
            transitions.promote(connection, self._row(connection, deployment).id, at)

    def removed(self, ref: ProjectRef, at: datetime) -> None:
        live = transitions.in_states(ref.engine, ref.name, {State.LIVE})
        with self.store.writing() as connection:
            for key in connection.scalars(live).all():
                transitions.move(connection, key, State.REMOVED, at)

    def step(self, deployment: int, step: StepRecord) -> int:
        columns = deployment_steps.c
        with self.store.writing(lasting=False) as connection:
            key = self._row(connection, deployment).id
            last: int | None = connection.scalar(
                select(func.max(columns.number)).where(columns.deployment_id == key)
            )
            number = (last or 0) + 1
            row = {"deployment_id": key, "number": number, **step_row(step)}
            connection.execute(insert(deployment_steps).values(row))
            transitions.touch(connection, key)
        return number

    def step_ended(
        self, deployment: int, number: int, outcome: Outcome, at: datetime, detail: str = ""
    ) -> None:
        columns = deployment_steps.c
        with self.store.writing(lasting=False) as connection:
            key = self._row(connection, deployment).id
            ended = connection.execute(
                update(deployment_steps)
                .where(columns.deployment_id == key, columns.number == number)
                .values(outcome=outcome, finished_at=at, detail=detail)
            )
            if not ended.rowcount:
                raise LookupError(f"deployment {deployment} has no step {number}")
            transitions.touch(connection, key)

    def get(self, deployment: int) -> Deployment | None:
        return next(iter(self._load(self._named(deployment), steps=True)), None)

    def newest(
        self, project: str, *, service: str | None = None, limit: int | None = None
    ) -> list[Deployment]:
        chosen = self._of_engine().where(deployments.c.project == project)
        if service is not None:
            named = deployment_services.c
            chosen = chosen.where(
                select(named.number)
                .where(named.deployment_id == deployments.c.id, named.service == service)
                .exists()
            )
        newest = chosen.order_by(deployments.c.number.desc(), deployments.c.id.desc())
        return self._load(newest.limit(limit), models=False)

    def unfinished(self, ref: ProjectRef) -> list[Deployment]:
        return self._load(transitions.in_states(ref.engine, ref.name, UNFINISHED))

    def waiting(self, ref: ProjectRef) -> list[Deployment]:
        return self._load(transitions.in_states(ref.engine, ref.name, {State.WAITING}), steps=True)

    def live(self, ref: ProjectRef, service: str) -> Deployment | None:
        chosen = select(deployment_parts.c.deployment_id).where(
            transitions.live_parts(ref.engine, ref.name, [service])
        )
        return next(iter(self._load(chosen)), None)

    def rollback_candidates(
        self, ref: ProjectRef, service: str, *, limit: int | None = None
    ) -> list[Deployment]:
        parts, columns = deployment_parts.c, deployments.c
        # No join: SQLite would look at all parts of the service, and sort them, for the newest few.
        released = exists().where(
            parts.deployment_id == columns.id, parts.service == service, ~parts.taken_back
        )
        chosen = (
            select(columns.id)
            .where(
                columns.engine == ref.engine,
                columns.project == ref.name,
                columns.state.in_(ROLLBACK_CANDIDATES),
                released,
            )
            .order_by(columns.number.desc())
            .limit(limit)
        )
        return self._load(chosen)

    def _row(self, connection: Connection, deployment: int) -> Row[Any]:
        """Held still until the transaction ends. Raises LookupError."""
        named = self._named(deployment).with_only_columns(deployments).with_for_update()
        row = connection.execute(named).one_or_none()
        if row is None:
            raise LookupError(f"there is no deployment {deployment}")
        return row

    def _named(self, deployment: int) -> Select[Any]:
        """The newest of that number, where several engines are meant."""
        columns = deployments.c
        named = columns.project == self.scope.project, columns.number == deployment
        return self._of_engine().where(*named).order_by(columns.started_at.desc()).limit(1)

    def _of_engine(self) -> Select[int]:
        chosen = select(deployments.c.id)
        if self.scope.engine is None:
            return chosen
        return chosen.where(deployments.c.engine == self.scope.engine)

    def _last_number(self, connection: Connection) -> int:
        columns = deployments.c
        last: int | None = connection.scalar(
            select(func.max(columns.number)).where(
                columns.engine == self.scope.engine, columns.project == self.scope.project
            )
        )
        return max(last or 0, *self.taken, 0)

    def _load(
        self, chosen: Select[Any], *, models: bool = True, steps: bool = False
    ) -> list[Deployment]:
        with self.store.reading() as connection:
            if connection is None:
                return []
            try:
                return load(connection, chosen, models=models, steps=steps)
            except ValueError as error:
                # A word or a JSON document that compose-bluegreen did not write.
                raise self.store.damaged() from error
