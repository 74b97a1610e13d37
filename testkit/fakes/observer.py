"""Records what a user would see."""

from __future__ import annotations

from compose_bluegreen.domain.states import Outcome


class FakeObserver:
    """``began`` has key, name and cause of each step, ``ended`` the key, the outcome and the detail."""

    def __init__(self) -> None:
        self.began: list[tuple[str, str, str]] = []
        self.ended: list[tuple[str, Outcome, str]] = []
        self.remarks: list[str] = []

    @property
    def keys(self) -> list[str]:
        """As the steps began."""
        return [key for key, _, _ in self.began]

    @property
    def names(self) -> list[str]:
        """As the steps began; only a name says which services a step is about."""
        return [name for _, name, _ in self.began]

    @property
    def causes(self) -> dict[str, str]:
        """By key."""
        return {key: cause for key, _, cause in self.began}

    def step_began(self, key: str, name: str, cause: str) -> None:
        self.began.append((key, name, cause))

    def step_ended(
        self, key: str, name: str, outcome: Outcome, seconds: float, detail: str = ""
    ) -> None:
        self.ended.append((key, outcome, detail))

    def remark(self, text: str) -> None:
        self.remarks.append(text)

    def outcome(self, step: str) -> Outcome:
        """Of a step by its key, as it ended last."""
        return self._end(step)[1]

    def detail(self, step: str) -> str:
        return self._end(step)[2]

    def _end(self, step: str) -> tuple[str, Outcome, str]:
        return next(one for one in reversed(self.ended) if one[0] == step)

    def forget(self) -> None:
        self.__init__()  # type: ignore[misc]
