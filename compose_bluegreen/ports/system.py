"""The ports for time and for progress output."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from compose_bluegreen.domain.states import Outcome


class Clock(Protocol):
    def now(self) -> datetime:
        """The current time, aware and in UTC."""

    def monotonic(self) -> float:
        """Seconds, from any start; only for differences."""

    def sleep(self, seconds: float) -> None: ...


class Observer(Protocol):
    """Reports progress to the user while a command runs."""

    def step_began(self, key: str, name: str, cause: str) -> None:
        """``key`` is for programs, the other texts are for people."""

    def step_ended(
        self, key: str, name: str, outcome: Outcome, seconds: float, detail: str = ""
    ) -> None: ...

    def remark(self, text: str) -> None: ...
