"""``history`` and ``show``: the deployments that the history has. They need no Docker engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from compose_bluegreen.config.requests import HistoryRequest
from compose_bluegreen.domain.deployment import Deployment
from compose_bluegreen.domain.errors import UsageError
from compose_bluegreen.domain.hints import Action, Hint


class Records(Protocol):
    """As much of the history as these commands read."""

    def get(self, deployment: int) -> Deployment | None: ...

    def newest(
        self, project: str, *, service: str | None = None, limit: int | None = None
    ) -> list[Deployment]: ...


class DeploymentRecords:
    """The deployments of one project."""

    def __init__(self, records: Records, project: str) -> None:
        self._records = records
        self._project = project

    def newest(self, request: HistoryRequest) -> Sequence[Deployment]:
        """Newest first, without steps."""
        return self._records.newest(self._project, service=request.service, limit=request.limit)

    def deployment(self, number: int) -> Deployment:
        """With its steps. Raises UsageError where there is no such deployment."""
        deployment = self._records.get(number)
        if deployment is None:
            raise UsageError(
                f"there is no deployment {number} of {self._project}",
                hint=Hint(Action.HISTORY, " lists them"),
            )
        return deployment
