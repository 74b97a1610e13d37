"""The port that records deployments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from compose_bluegreen.domain.deployment import (
    DeployedService,
    Deployment,
    NewDeployment,
    StepRecord,
)
from compose_bluegreen.domain.project_ref import ProjectRef
from compose_bluegreen.domain.states import Outcome, State


class History(Protocol):
    """The record of all deployments. Every method raises HistoryUnusable.

    Ids of deployments belong to one project on one engine.
    A change of state that ``states.TRANSITIONS`` does not allow raises WrongTransition.
    """

    def check_writable(self) -> None:
        """Checks that a new deployment can be recorded now."""

    def begin(self, new_deployment: NewDeployment) -> int:
        """Records a new deployment in state PREPARING; returns its id."""

    def discard(self, deployment: int) -> None:
        """Deletes a deployment in state PREPARING, because it would change nothing."""

    def parts(self, deployment: int, parts: Sequence[DeployedService]) -> None:
        """Records the deployed services of a deployment, once their images are known."""

    def to(self, deployment: int, state: State, at: datetime, reason: str = "") -> None:
        """Changes the state, if the state table allows it. An end state sets ``finished_at``."""

    def promote(self, deployment: int, at: datetime) -> None:
        """Changes the state to LIVE. In one transaction, its deployed services become live and those
        that they replace are no longer live.

        A deployment that loses its last live service becomes SUPERSEDED, or ROLLED_BACK if the
        promoted deployment is its rollback (``rollback_of``).
        """

    def removed(self, ref: ProjectRef, at: datetime) -> None:
        """Records that nothing of this project is live any more: LIVE becomes REMOVED."""

    def step(self, deployment: int, step: StepRecord) -> int:
        """Records the start of a step; returns its number within the deployment."""

    def step_ended(
        self, deployment: int, number: int, outcome: Outcome, at: datetime, detail: str = ""
    ) -> None: ...

    def get(self, deployment: int) -> Deployment | None:
        """The deployment with its deployed services and steps."""

    def newest(
        self, project: str, *, service: str | None = None, limit: int | None = None
    ) -> list[Deployment]:
        """Deployments, newest first: without steps, and with empty ``release.model`` in their services."""

    def unfinished(self, ref: ProjectRef) -> list[Deployment]:
        """Deployments in a state of ``states.UNFINISHED``."""

    def waiting(self, ref: ProjectRef) -> list[Deployment]:
        """Deployments that wait for promotion, newest first, with their services and steps."""

    def live(self, ref: ProjectRef, service: str) -> Deployment | None: ...

    def rollback_candidates(
        self, ref: ProjectRef, service: str, *, limit: int | None = None
    ) -> list[Deployment]:
        """Deployments of this service that a rollback may choose, newest first, with whole models.

        Their state is one of ``states.ROLLBACK_CANDIDATES``. A deployment whose release of this service
        was rolled back is not among them, even if other services of it are still live.
        """
