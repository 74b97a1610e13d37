"""One deployment as a document: what the journal on the engine keeps of it.

A document's name says all that joining needs to know of it (``000041.<uid>.<revision>.json``), and
its revision what is in it: a count and a digest. So whatever differs from its name is damaged.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn, Protocol, Self

from compose_bluegreen.adapters.history import document_fields
from compose_bluegreen.adapters.history.document_fields import DEPLOYMENT, PART, STEP, Fields
from compose_bluegreen.adapters.history.step_names import key_of_name
from compose_bluegreen.domain.errors import HistoryUnusable
from compose_bluegreen.domain.states import State

FORMAT = 3
"""The newest that can be read; a document has the oldest that can say what it says: 2 adds the state
``waiting``, 3 the keys of steps. docs/reference/formats.md has all of them."""
_BEFORE_KEYS = 2


class Row(Protocol):
    """Of a table, or anything else that is asked by the names of its columns."""

    def __getitem__(self, column: str, /) -> Any: ...


_NAME = re.compile(r"([0-9]{6,10})\.([0-9a-f-]{36})\.([0-9]{1,9}-[0-9a-f]{16})\.json")
_DAMAGED = ".damaged"
HALF = ".new"
"""How the name of a file ends that is being written."""


class Damaged(Exception):
    """Its content does not match its name: cut off, changed, or not written by compose-bluegreen."""


@dataclass(frozen=True, slots=True)
class Name:
    number: int
    uid: str
    revision: str

    def __str__(self) -> str:
        return f"{self.number:06}.{self.uid}.{self.revision}.json"

    @property
    def count(self) -> int:
        return count(self.revision)

    def has_content_of(self, revision: str) -> bool:
        return self.revision.partition("-")[2] == revision.partition("-")[2]

    @classmethod
    def read(cls, text: str) -> Self | None:
        """None for a file that is no document."""
        match = _NAME.fullmatch(text)
        name = cls(int(match[1]), match[2], match[3]) if match else None
        return name if name and str(name) == text and 0 < name.number < 2**31 else None


def count(revision: str | None) -> int:
    return int(revision.partition("-")[0]) if revision else 0


def set_aside(name: Name) -> str:
    """The new name of a damaged document, so that it is reported only once."""
    return f"{name}{_DAMAGED}"


def is_litter(text: str) -> bool:
    """Left by a command that was killed while it wrote the file."""
    return text.endswith(HALF) and Name.read(text.removesuffix(HALF)) is not None


def number_of(text: str) -> int:
    """The number that a file's name takes, damaged or not; 0 for any other file."""
    name = Name.read(text.removesuffix(_DAMAGED))
    return name.number if name else 0


@dataclass(frozen=True, slots=True)
class Document:
    """``deployment``, ``parts`` and ``steps`` have the columns of the tables."""

    name: Name
    deployment: Fields
    services: tuple[str, ...]
    parts: tuple[Fields, ...]
    steps: tuple[Fields, ...]

    @property
    def text(self) -> str:
        return _text(self.deployment, self.services, self.parts, self.steps)

    @property
    def live(self) -> list[str]:
        return [part["service"] for part in self.parts if part["live"]]


def document(  # noqa: PLR0913, PLR0917 - the tables
    number: int,
    uid: str,
    before: str | None,
    deployment: Row,
    services: Sequence[str],
    parts: Sequence[Row],
    steps: Sequence[Row],
) -> Document:
    """The document of these rows; its revision follows ``before``."""
    deployment_fields = {key: deployment[key] for key in DEPLOYMENT}
    rows = [{key: part[key] for key in PART} for part in parts]
    done = [_with_key({key: step[key] for key in STEP}) for step in steps]
    revision = f"{count(before) + 1}-{_digest(_text(deployment_fields, services, rows, done))}"
    return Document(
        Name(number, uid, revision), deployment_fields, tuple(services), tuple(rows), tuple(done)
    )


_MALFORMED = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)
"""What the reading of a malformed document raises. RecursionError: it is nested too deeply."""


def read(name: Name, content: bytes, project: str) -> Document:
    """Raises Damaged, and HistoryUnusable for what only a newer version of us can read."""
    try:
        text = content.decode("ascii").removesuffix("\n")
        fields = _loaded(text)
        format_ = int(fields["format"])
    except _MALFORMED as error:
        raise Damaged(str(name)) from error
    if format_ > FORMAT:
        raise newer(f"deployment {name.number}")
    if not name.revision.endswith(f"-{_digest(text)}"):
        raise Damaged(str(name))
    try:
        return Document(
            name,
            document_fields.deployment(fields["deployment"]),
            document_fields.services(fields["services"]),
            document_fields.parts(fields["parts"], project),
            tuple(_step(step, format_) for step in fields["steps"]),
        )
    except _MALFORMED as error:
        raise Damaged(str(name)) from error


def newer(subject: str) -> HistoryUnusable:
    """For a format that only a newer version can read."""
    return HistoryUnusable(
        f"{subject} was recorded on the engine by a newer version of compose-bluegreen",
        hint="upgrade: pip install --upgrade compose-bluegreen",
    )


@dataclass(frozen=True, slots=True)
class Note:
    """A line of ``steps.log``: a step since the document of that revision."""

    uid: str
    after: str
    number: int
    step: Fields

    @property
    def text(self) -> str:
        step = {key: _plain(self.step[key]) for key in STEP}
        line = {"format": FORMAT, "uid": self.uid, "after": self.after, "number": self.number}
        return json.dumps(line | {"step": step})


def read_note(line: str) -> Note | None:
    """None for a line that was cut off. Raises HistoryUnusable for a newer format."""
    try:
        fields = _loaded(line)
        format_ = int(fields.get("format", _BEFORE_KEYS))
        if format_ > FORMAT:
            raise newer(f"step {fields['number']} of a deployment")
        step = _step(fields["step"], format_)
        number = document_fields.number(fields["number"])
        return Note(str(fields["uid"]), str(fields["after"]), number, step)
    except _MALFORMED:
        return None


def _loaded(text: str) -> Any:
    return json.loads(text, parse_constant=_refuse)


def _refuse(constant: str) -> NoReturn:
    """NaN and Infinity are no JSON, and PostgreSQL takes neither."""
    raise ValueError(constant)


def _step(fields: Fields, format_: int) -> Fields:
    if format_ <= _BEFORE_KEYS:
        fields = _with_key(fields | {"key": None})
    return document_fields.step(fields)


def _with_key(step: Fields) -> Fields:
    """The step; its name gives the key where a version before keys wrote it."""
    return step | {"key": step["key"] or key_of_name(step["name"], step["cause"])}


def _text(
    deployment: Mapping[str, Any],
    services: Sequence[str],
    parts: Sequence[Mapping[str, Any]],
    steps: Sequence[Mapping[str, Any]],
) -> str:
    """One line of ASCII, so that nothing on its way can take it for something else."""
    waits = deployment["state"] == State.WAITING
    whole = {
        "format": FORMAT if steps else 2 if waits else 1,
        "deployment": deployment,
        "services": services,
        "parts": parts,
        "steps": steps,
    }
    return json.dumps(whole, default=_plain, sort_keys=True)


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
