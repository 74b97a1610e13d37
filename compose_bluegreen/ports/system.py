"""The clock and the progress report."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from compose_bluegreen.domain.states import Outcome


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware, in UTC."""

    def monotonic(self) -> float:
        """Seconds."""

    def sleep(self, seconds: float) -> None: ...


class Observer(Protocol):
    """Tells a person what happens while it happens."""

    def step_began(self, key: str, name: str, cause: str) -> None:
        """``key`` is for programs, the other texts are for people."""

    def step_ended(
        self, key: str, name: str, outcome: Outcome, seconds: float, detail: str = ""
    ) -> None: ...

    def remark(self, text: str) -> None: ...
