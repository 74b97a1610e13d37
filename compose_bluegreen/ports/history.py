"""What records deployments."""

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
    """What was intended and what came of it. Raises HistoryUnusable.

    Of one project on one engine, within which the ids of deployments count.
    A change that the state table forbids raises WrongTransition.
    """

    def check_writable(self) -> None:
        """Proves that a deployment could be recorded now."""

    def begin(self, new_deployment: NewDeployment) -> int:
        """A new deployment in state PREPARING; its id."""

    def discard(self, deployment: int) -> None:
        """Forgets a deployment that turned out to change nothing, while it is PREPARING."""

    def parts(self, deployment: int, parts: Sequence[DeployedService]) -> None:
        """What it releases, known once the images are."""

    def to(self, deployment: int, state: State, at: datetime, reason: str = "") -> None:
        """The guarded door. An end state sets ``finished_at``."""

    def promote(self, deployment: int, at: datetime) -> None:
        """To LIVE, all at once: its parts are live, those they replace no longer are.

        A deployment that loses its last live part becomes SUPERSEDED, or ROLLED_BACK where the
        promoted one is its rollback (``rollback_of``).
        """

    def removed(self, ref: ProjectRef, at: datetime) -> None:
        """Nothing of this ref.name is live any more: LIVE becomes REMOVED."""

    def step(self, deployment: int, step: StepRecord) -> int:
        """Writes a step that begins; its number within the deployment."""

    def step_ended(
        self, deployment: int, number: int, outcome: Outcome, at: datetime, detail: str = ""
    ) -> None: ...

    def get(self, deployment: int) -> Deployment | None:
        """With parts and steps."""

    def newest(
        self, project: str, *, service: str | None = None, limit: int | None = None
    ) -> list[Deployment]:
        """Newest first, with parts whose ``release.model`` is empty, without steps."""

    def unfinished(self, ref: ProjectRef) -> list[Deployment]: ...

    def waiting(self, ref: ProjectRef) -> list[Deployment]:
        """Proven, without traffic, until a person decides; newest first, with parts and steps."""

    def live(self, ref: ProjectRef, service: str) -> Deployment | None: ...

    def rollback_candidates(
        self, ref: ProjectRef, service: str, *, limit: int | None = None
    ) -> list[Deployment]:
        """Deployments of this service in a PROVEN state, newest first, with whole parts.

        Without those whose part here was replaced by a rollback, though other parts of theirs
        may serve on.
        """
