"""What a document of the journal may have in each of its fields. A document is on the engine, where not
only this program can write, so nothing goes into the local history before it was checked here.

Each function returns the fields of a row, or raises ValueError, KeyError, TypeError or OverflowError.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.deployment import Kind
from compose_bluegreen.domain.names import KEY, SERVICE_NAME
from compose_bluegreen.domain.states import Outcome, State

Fields = dict[str, Any]
_Check = Callable[[Any], Any]
"""Returns the value for the row. Raises for a value that no version of this program wrote."""

_GREATEST = 2**31 - 1
"""The greatest number that the databases have."""

_DEEPEST = 64
"""Mappings in mappings. A compose file has about ten."""

_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,199}")
_REFERENCE = re.compile(r"(?!-)[!-~]{1,1000}")


def _text(value: Any) -> str:
    """Raises UnicodeEncodeError for half a character, which no database takes."""
    if not isinstance(value, str):
        raise TypeError
    value.encode()
    return value


def _line(value: Any) -> str:
    if "\0" in _text(value):
        raise ValueError
    return str(value)


def matching(pattern: re.Pattern[str]) -> _Check:
    def check(value: Any) -> str:
        if not pattern.fullmatch(value):
            raise ValueError
        return str(value)

    return check


def number(value: Any) -> int:
    if type(value) is not int or not 0 < value <= _GREATEST:
        raise ValueError
    return value


def _flag(value: Any) -> bool:
    if type(value) is not bool:
        raise TypeError
    return value


def _time(value: Any) -> datetime:
    time = datetime.fromisoformat(value)
    if time.tzinfo is None:
        raise ValueError
    return time.astimezone(UTC)


def _enum(kind: type[StrEnum]) -> _Check:
    return lambda value: kind(_text(value))


def _or_none(check: _Check) -> _Check:
    return lambda value: None if value is None else check(value)


def _mapping(value: Any, depth: int = _DEEPEST) -> Fields:
    """Plain JSON, not deeper than a compose file can be."""
    if not isinstance(value, dict):
        raise TypeError
    _plain(value, depth)
    return value


def _plain(value: Any, depth: int) -> None:
    if depth == 0:
        raise ValueError
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, dict):
        for key, item in value.items():
            key.encode()
            _plain(item, depth - 1)
    elif isinstance(value, list):
        for item in value:
            _plain(item, depth - 1)


_DEPLOYMENT: Mapping[str, _Check] = {
    "kind": _enum(Kind),
    "state": _enum(State),
    "actor": _text,
    "message": _text,
    "git_revision": _or_none(_line),
    "started_at": _time,
    "finished_at": _or_none(_time),
    "retired_at": _or_none(_time),
    "reason": _text,
    "rollback_of": _or_none(number),
    "restores": _or_none(number),
}
_PART: Mapping[str, _Check] = {
    "service": matching(SERVICE_NAME),
    "colour": _enum(Colour),
    "live": _flag,
    "taken_back": _flag,
    "image_reference": matching(_REFERENCE),
    "image_id": matching(_WORD),
    "repo_digest": _or_none(matching(_REFERENCE)),
    "fingerprint": matching(_WORD),
    "settings": _mapping,
    "model": _mapping,
}
_STEP: Mapping[str, _Check] = {
    "key": _line,
    "name": _line,
    "cause": _text,
    "outcome": _enum(Outcome),
    "started_at": _time,
    "finished_at": _or_none(_time),
    "detail": _text,
}
DEPLOYMENT, PART, STEP = list(_DEPLOYMENT), list(_PART), list(_STEP)
"""The names of the fields, in the order in which they are written."""


def deployment(fields: Fields) -> Fields:
    return _checked(_DEPLOYMENT, fields)


def services(names: Any) -> tuple[str, ...]:
    found = tuple(matching(SERVICE_NAME)(name) for name in _list(names))
    _refuse_twice(found)
    return found


def parts(rows: Any, project: str) -> tuple[Fields, ...]:
    """Each is a release of its own service in ``project``."""
    found = tuple(_part(row, project) for row in _list(rows))
    _refuse_twice([row["service"] for row in found])
    return found


def step(fields: Fields) -> Fields:
    return _checked(_STEP, fields)


def _part(fields: Fields, project: str) -> Fields:
    row = _checked(_PART, fields)
    model, service = row["model"], row["service"]
    ours = model[KEY]
    if model["name"] != project or not isinstance(model["services"][service], dict):
        raise ValueError
    if not 0 < number(ours["replicas"]) <= 1000:
        raise ValueError
    _flag(ours["built"])
    for port in _mapping(ours["published"]).values():
        number(port)
    for condition in _mapping(ours.get("after") or {}).values():
        _text(condition)
    return row


def _checked(checks: Mapping[str, _Check], fields: Fields) -> Fields:
    return {key: check(fields[key]) for key, check in checks.items()}


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError
    return value


def _refuse_twice(names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        raise ValueError
