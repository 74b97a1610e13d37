"""Remembers what a person would have been told."""

from __future__ import annotations

from compose_bluegreen.domain.states import Outcome


class FakeObserver:
    """``steps`` are the names as they began, ``ended`` each with its outcome and its detail."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.causes: dict[str, str] = {}
        self.ended: list[tuple[str, Outcome, str]] = []
        self.remarks: list[str] = []

    def step_began(self, name: str, cause: str) -> None:
        self.steps.append(name)
        self.causes[name] = cause

    def step_ended(self, name: str, outcome: Outcome, seconds: float, detail: str = "") -> None:
        self.ended.append((name, outcome, detail))

    def remark(self, text: str) -> None:
        self.remarks.append(text)

    def outcome(self, step: str) -> Outcome:
        return next(outcome for name, outcome, _ in self.ended if name == step)

    def detail(self, step: str) -> str:
        return next(detail for name, _, detail in self.ended if name == step)

    def forget(self) -> None:
        self.__init__()  # type: ignore[misc]
