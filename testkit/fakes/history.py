"""History without a database: the same port, for tests of what stands on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from compose_bluegreen.domain.deployment import (
    DeployedService,
    Deployment,
    Kind,
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
    check_transition,
)

_ENDS = {State.LIVE, State.FAILED, State.INTERRUPTED, State.STUCK}


class MemoryHistory:
    """Of one project on one engine."""

    def __init__(self) -> None:
        self._rows: dict[int, Deployment] = {}
        self._taken_back: set[tuple[int, str]] = set()

    def check_writable(self) -> None:
        pass

    def begin(self, new_deployment: NewDeployment) -> int:
        last = max(self._rows, default=0) + 1
        self._rows[last] = Deployment(
            id=last,
            engine=new_deployment.engine,
            project=new_deployment.project,
            kind=new_deployment.kind,
            state=State.PREPARING,
            services=new_deployment.services,
            actor=new_deployment.actor,
            started_at=new_deployment.started_at,
            message=new_deployment.message,
            git_revision=new_deployment.git_revision,
            rollback_of=new_deployment.rollback_of,
            restores=new_deployment.restores,
        )
        return last

    def discard(self, deployment: int) -> None:
        state = self._rows[deployment].state
        if state is not State.PREPARING:
            raise WrongTransition(f"a deployment that is {state} can't be discarded")
        del self._rows[deployment]

    def parts(self, deployment: int, parts: Sequence[DeployedService]) -> None:
        state = self._rows[deployment].state
        if state not in UNFINISHED:
            raise WrongTransition(f"a deployment that is {state} can't get parts")
        self._change(deployment, parts=tuple(replace(part, live=False) for part in parts))

    def to(self, deployment: int, state: State, at: datetime, reason: str = "") -> None:
        if state is State.LIVE:
            self.promote(deployment, at)
            return
        self._write(deployment, state, at, reason)
        self._light(deployment, lambda part: False)

    def promote(self, deployment: int, at: datetime) -> None:
        self._write(deployment, State.LIVE, at)
        winner = self._rows[deployment]
        services = {part.service for part in winner.parts}
        for loser in self._in(winner.engine, winner.project, {State.LIVE}):
            if loser.id != deployment:
                self._replace(loser, services, winner, at)
        self._light(deployment, lambda part: True)

    def removed(self, ref: ProjectRef, at: datetime) -> None:
        for each in self._in(ref.engine, ref.name, {State.LIVE}):
            self.to(each.id, State.REMOVED, at)

    def step(self, deployment: int, step: StepRecord) -> int:
        steps = (*self._rows[deployment].steps, step)
        self._change(deployment, steps=steps)
        return len(steps)

    def step_ended(
        self, deployment: int, number: int, outcome: Outcome, at: datetime, detail: str = ""
    ) -> None:
        steps = list(self._rows[deployment].steps)
        if not 1 <= number <= len(steps):
            raise LookupError(f"deployment {deployment} has no step {number}")
        steps[number - 1] = replace(
            steps[number - 1], outcome=outcome, finished_at=at, detail=detail
        )
        self._change(deployment, steps=tuple(steps))

    def get(self, deployment: int) -> Deployment | None:
        return self._rows.get(deployment)

    def newest(
        self, project: str, *, service: str | None = None, limit: int | None = None
    ) -> list[Deployment]:
        found = [
            replace(each, steps=(), parts=tuple(map(_without_model, each.parts)))
            for each in self._newest_first()
            if each.project == project and (service is None or service in each.services)
        ]
        return found[:limit]

    def unfinished(self, ref: ProjectRef) -> list[Deployment]:
        return [replace(each, steps=()) for each in self._in(ref.engine, ref.name, UNFINISHED)]

    def waiting(self, ref: ProjectRef) -> list[Deployment]:
        return self._in(ref.engine, ref.name, {State.WAITING})

    def live(self, ref: ProjectRef, service: str) -> Deployment | None:
        for each in self._in(ref.engine, ref.name, {State.LIVE}):
            part = each.part(service)
            if part and part.live:
                return replace(each, steps=())
        return None

    def rollback_candidates(
        self, ref: ProjectRef, service: str, *, limit: int | None = None
    ) -> list[Deployment]:
        found = [
            replace(each, steps=())
            for each in self._in(ref.engine, ref.name, ROLLBACK_CANDIDATES)
            if each.part(service) and (each.id, service) not in self._taken_back
        ]
        return found[:limit]

    def _newest_first(self) -> list[Deployment]:
        return [self._rows[id_] for id_ in sorted(self._rows, reverse=True)]

    def _in(self, engine: str, project: str, states: Iterable[State]) -> list[Deployment]:
        return [
            each
            for each in self._newest_first()
            if each.engine == engine and each.project == project and each.state in states
        ]

    def _change(self, deployment: int, **fields: object) -> None:
        self._rows[deployment] = replace(self._rows[deployment], **fields)  # type: ignore[arg-type]

    def _write(self, deployment: int, state: State, at: datetime, reason: str = "") -> None:
        before = self._rows[deployment]
        check_transition(before.state, state)
        self._change(
            deployment,
            state=state,
            reason=reason or before.reason,
            finished_at=at if state in _ENDS else before.finished_at,
        )

    def _light(self, deployment: int, live: Callable[[DeployedService], bool]) -> None:
        parts = self._rows[deployment].parts
        self._change(deployment, parts=tuple(replace(part, live=live(part)) for part in parts))

    def _replace(
        self, loser: Deployment, services: set[str], winner: Deployment, at: datetime
    ) -> None:
        lost = {part.service for part in loser.parts if part.live} & services
        if winner.kind is Kind.ROLLBACK:
            self._taken_back |= {(loser.id, service) for service in lost}
        self._light(loser.id, lambda part: part.live and part.service not in lost)
        if lost and not any(part.live for part in self._rows[loser.id].parts):
            taken_back = loser.id == winner.rollback_of
            self.to(loser.id, State.ROLLED_BACK if taken_back else State.SUPERSEDED, at)


def _without_model(part: DeployedService) -> DeployedService:
    return replace(part, release=replace(part.release, model={}))
