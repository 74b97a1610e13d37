"""Executes no command, and records each call."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from compose_bluegreen.domain.errors import BluegreenError


@dataclass
class Recorder:
    """Carries nothing out: remembers what it was asked, and answers as told."""

    calls: list[tuple[Any, ...]] = field(default_factory=list)
    answer: int = 0
    error: BluegreenError | None = None

    def __call__(self, call: partial[int]) -> int:
        self.calls.append((call.func.__name__.removeprefix("_"), *call.args))
        if self.error:
            raise self.error
        return self.answer
