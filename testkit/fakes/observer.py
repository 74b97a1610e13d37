"""Remembers what a person would have been told."""

from __future__ import annotations

from compose_bluegreen.domain.states import Outcome


class FakeObserver:
    """``keys`` and ``steps`` are keys and names as they began, ``ended`` each name with its outcome and
    its detail."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.steps: list[str] = []
        self.causes: dict[str, str] = {}
        self.ended: list[tuple[str, Outcome, str]] = []
        self._ends: dict[str, tuple[Outcome, str]] = {}
        self.remarks: list[str] = []

    def step_began(self, key: str, name: str, cause: str) -> None:
        self.keys.append(key)
        self.steps.append(name)
        self.causes[name] = cause

    def step_ended(
        self, key: str, name: str, outcome: Outcome, seconds: float, detail: str = ""
    ) -> None:
        self.ended.append((name, outcome, detail))
        self._ends[key] = self._ends[name] = (outcome, detail)

    def remark(self, text: str) -> None:
        self.remarks.append(text)

    def outcome(self, step: str) -> Outcome:
        """Of a step by its key or its name, as it ended last."""
        return self._ends[step][0]

    def detail(self, step: str) -> str:
        return self._ends[step][1]

    def forget(self) -> None:
        self.__init__()  # type: ignore[misc]
