"""Deployments: values only, without I/O, clock or third-party library."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.release import Release
from compose_bluegreen.domain.states import Outcome, State
from compose_bluegreen.domain.step_keys import HOLD


class Kind(StrEnum):
    UP = "up"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class DeployedService:
    """One service within a deployment. ``live``: this deployment is the live one of the service."""

    release: Release
    colour: Colour
    live: bool = False

    @property
    def service(self) -> str:
        return self.release.service


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One step as history keeps it.

    ``key`` is for programs (see ``step_keys``), ``name`` for people; ``detail`` is a remark or the last
    lines of a failure.
    """

    key: str
    name: str
    cause: str
    outcome: Outcome
    started_at: datetime
    finished_at: datetime | None = None
    detail: str = ""

    @property
    def duration(self) -> timedelta | None:
        """Never negative, though a clock was set back between two commands."""
        if self.finished_at is None:
            return None
        return max(self.finished_at - self.started_at, timedelta(0))


@dataclass(frozen=True, slots=True)
class NewDeployment:
    """A deployment before its first step, with the fields that are known by then."""

    engine: str
    project: str
    kind: Kind
    services: tuple[str, ...]
    actor: str
    started_at: datetime
    message: str = ""
    git_revision: str | None = None
    rollback_of: int | None = None
    restores: int | None = None


@dataclass(frozen=True, slots=True)
class Deployment:
    """One attempt to make a release live.

    ``id`` counts within one project on one engine, and is the same on every machine.
    ``rollback_of`` is the deployment that this rollback replaces, ``restores`` is the deployment
    whose release it makes live again; both are None unless ``kind`` is rollback. Times are aware,
    in UTC. ``parts`` are the deployed services: there are none until the images are known.
    ``steps`` is empty unless the caller asked history for them.
    """

    id: int
    engine: str
    project: str
    kind: Kind
    state: State
    services: tuple[str, ...]
    actor: str
    started_at: datetime
    finished_at: datetime | None = None
    message: str = ""
    git_revision: str | None = None
    reason: str = ""
    rollback_of: int | None = None
    restores: int | None = None
    parts: tuple[DeployedService, ...] = ()
    steps: tuple[StepRecord, ...] = field(default=(), repr=False)

    @property
    def duration(self) -> timedelta | None:
        """Never negative, though a clock was set back between two commands."""
        if self.finished_at is None:
            return None
        return max(self.finished_at - self.started_at, timedelta(0))

    @property
    def held_since(self) -> datetime:
        """When the deployment began to wait for promotion; its start if it never waited."""
        holds = (step.started_at for step in self.steps if step.key == str(HOLD))
        return next(holds, self.started_at)

    def part(self, service: str) -> DeployedService | None:
        return next((part for part in self.parts if part.service == service), None)
