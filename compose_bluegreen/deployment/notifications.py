"""Events for notifications, and which deployments ended during this command."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Any, cast

from compose_bluegreen.domain.deployment import Deployment, Kind, NewDeployment
from compose_bluegreen.domain.states import State
from compose_bluegreen.ports.history import History


class Event(StrEnum):
    """What a notification reports."""

    RELEASED = "released"
    """An `up` or a `promote` put the release live."""
    ROLLED_BACK = "rolled_back"
    """A `rollback` put an earlier release live."""
    WAITING = "waiting"
    """`up --no-switch` left the deployment waiting for `promote`."""
    FAILED = "failed"
    """The deployment failed and was undone."""
    INTERRUPTED = "interrupted"
    """The deployment was interrupted and undone."""
    STUCK = "stuck"
    """The deployment needs a person."""


_EVENTS = {
    State.LIVE: Event.RELEASED,
    State.WAITING: Event.WAITING,
    State.FAILED: Event.FAILED,
    State.INTERRUPTED: Event.INTERRUPTED,
    State.STUCK: Event.STUCK,
}


def event(deployment: Deployment) -> Event | None:
    """None while the deployment is running, and after a later deployment replaced it."""
    if deployment.state is State.LIVE and deployment.kind is Kind.ROLLBACK:
        return Event.ROLLED_BACK
    return _EVENTS.get(deployment.state)


class EndedDeployments:
    """Forwards to history, and records which deployments this command began and which it ended."""

    def __init__(self, history: History) -> None:
        self._history = history
        self.begun: list[int] = []
        self.ended: list[int] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method: Callable[..., Any] = getattr(self._history, name)
        return method

    def begin(self, new_deployment: NewDeployment) -> int:
        number = self._history.begin(new_deployment)
        self.begun.append(number)
        return number

    def to(self, deployment: int, state: State, now: datetime, reason: str = "") -> None:
        self._history.to(deployment, state, now, reason)
        if state in _EVENTS:
            self._note(deployment)

    def promote(self, deployment: int, now: datetime) -> None:
        self._history.promote(deployment, now)
        self._note(deployment)

    @property
    def last_begun_here(self) -> int | None:
        """The last deployment that this command both began and ended."""
        return next((number for number in reversed(self.ended) if number in self.begun), None)

    @property
    def last(self) -> int | None:
        """The last deployment that this command ended, even if another command began it."""
        return self.ended[-1] if self.ended else None

    @property
    def as_history(self) -> History:
        return cast("History", self)

    def _note(self, deployment: int) -> None:
        """Each deployment is listed once, in the order of its last end."""
        self.ended = [*(number for number in self.ended if number != deployment), deployment]
