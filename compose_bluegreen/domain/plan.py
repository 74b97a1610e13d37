"""A plan as data: what a deployment will do, step by step, before any of it is done."""

from __future__ import annotations

from dataclasses import dataclass

from compose_bluegreen.domain.states import State
from compose_bluegreen.domain.step_keys import StepKey


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step of a plan.

    ``services`` are those that the step is about, ``undo`` is what takes it back ("" if nothing
    does), ``enters`` the state that is recorded before the step acts. The failure of a step that is
    not ``required`` is a warning.
    """

    key: StepKey
    services: tuple[str, ...]
    name: str
    cause: str
    undo: str = ""
    enters: State | None = None
    required: bool = True
