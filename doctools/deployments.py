"""The reference of exit codes, deployment states, notifications and drift, from the enums."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from compose_bluegreen.cli import json_output
from compose_bluegreen.deployment.notifications import Event
from compose_bluegreen.domain.deployment import Deployment, Kind
from compose_bluegreen.domain.errors import ExitCode
from compose_bluegreen.domain.states import TRANSITIONS, State
from compose_bluegreen.domain.step_keys import DETAILS, StepKind
from compose_bluegreen.inspection.drift import DriftKind
from doctools.docstrings import of_attributes, of_keys
from doctools.markdown import code, codes, table


def exit_codes() -> str:
    meaning = of_attributes(ExitCode)
    rows = (
        (str(one.value), one.name.lower().replace("_", " "), meaning[one.name]) for one in ExitCode
    )
    return table(("code", "name", "meaning"), rows)


def states() -> str:
    meaning = of_attributes(State)
    rows = (
        (
            code(one.value),
            meaning[one.name],
            codes(each for each in State if each in TRANSITIONS[one]),
        )
        for one in State
    )
    return table(("state", "meaning", "next states"), rows)


def picture_of_states() -> str:
    arrows = [(one.value, to.value) for one in State for to in State if to in TRANSITIONS[one]]
    lines = [f"[*] --> {State.PREPARING.value}", *(f"{one} --> {to}" for one, to in arrows)]
    inner = "\n".join(f"    {line}" for line in lines)
    return f"```mermaid\nstateDiagram-v2\n{inner}\n```"


def events() -> str:
    return _values("event", Event)


def drift() -> str:
    return _values("kind", DriftKind)


def step_keys() -> str:
    meaning = of_attributes(StepKind)
    rows = (
        (codes(f"{kind}:{one}".rstrip(":") for one in DETAILS[kind]), meaning[kind.name])
        for kind in StepKind
    )
    return table(("key", "step"), rows)


def notification() -> str:
    meaning = of_keys(json_output.notice)
    return table(("key", "meaning"), ((code(key), meaning[key]) for key in a_notification()))


def a_notification() -> Mapping[str, Any]:
    ended = Deployment(
        1, "engine", "shop", Kind.UP, State.LIVE, ("web",), "ada@laptop", datetime.now(UTC)
    )
    return json_output.notice(ended, Event.RELEASED)


def _values(head: str, kinds: type[Enum]) -> str:
    meaning = of_attributes(kinds)
    return table((head, "meaning"), ((code(one.value), meaning[one.name]) for one in kinds))
