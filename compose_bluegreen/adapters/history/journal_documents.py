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
from typing import Any, Protocol, Self

from compose_bluegreen.adapters.history.step_names import key_of_name
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.deployment import Kind
from compose_bluegreen.domain.errors import HistoryUnusable
from compose_bluegreen.domain.states import Outcome, State

FORMAT = 3
"""The newest that can be read; a document has the oldest that can say what it says: 2 adds the state
``waiting``, 3 the keys of steps. docs/reference/formats.md has all of them."""
_BEFORE_KEYS = 2
Fields = dict[str, Any]


class Row(Protocol):
    """Of a table, or anything else that is asked by the names of its columns."""

    def __getitem__(self, column: str, /) -> Any: ...


_NAME = re.compile(r"(\d{6,12})\.([0-9a-f-]{36})\.(\d+-[0-9a-f]{16})\.json")
_DAMAGED = ".damaged"
HALF = ".new"
"""How the name of a file ends that is being written."""

_TIMES = ("started_at", "finished_at", "retired_at")
_DEPLOYMENT = [
    "kind",
    "state",
    "actor",
    "message",
    "git_revision",
    "started_at",
    "finished_at",
    "retired_at",
    "reason",
    "rollback_of",
    "restores",
]
_PART = [
    "service",
    "colour",
    "live",
    "taken_back",
    "image_reference",
    "image_id",
    "repo_digest",
    "fingerprint",
    "settings",
    "model",
]
_STEP = ["key", "name", "cause", "outcome", "started_at", "finished_at", "detail"]


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
        return cls(int(match[1]), match[2], match[3]) if match else None


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
    deployment_fields = {key: deployment[key] for key in _DEPLOYMENT}
    rows = [{key: part[key] for key in _PART} for part in parts]
    done = [_with_key({key: step[key] for key in _STEP}) for step in steps]
    revision = f"{count(before) + 1}-{_digest(_text(deployment_fields, services, rows, done))}"
    return Document(
        Name(number, uid, revision), deployment_fields, tuple(services), tuple(rows), tuple(done)
    )


def read(name: Name, content: bytes) -> Document:
    """Raises Damaged, and HistoryUnusable for what only a newer version of us can read."""
    try:
        text = content.decode("ascii").removesuffix("\n")
        fields = json.loads(text)
        format_ = int(fields["format"])
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged(str(name)) from error
    if format_ > FORMAT:
        raise newer(f"deployment {name.number}")
    if not name.revision.endswith(f"-{_digest(text)}"):
        raise Damaged(str(name))
    try:
        return Document(
            name,
            _deployment(fields["deployment"]),
            tuple(map(str, fields["services"])),
            tuple(_part(part) for part in fields["parts"]),
            tuple(_step(step, format_) for step in fields["steps"]),
        )
    except (ValueError, KeyError, TypeError) as error:
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
        step = {key: _plain(self.step[key]) for key in _STEP}
        line = {"format": FORMAT, "uid": self.uid, "after": self.after, "number": self.number}
        return json.dumps(line | {"step": step})


def read_note(line: str) -> Note | None:
    """None for a line that was cut off. Raises HistoryUnusable for a newer format."""
    try:
        fields = json.loads(line)
        format_ = int(fields.get("format", _BEFORE_KEYS))
        if format_ > FORMAT:
            raise newer(f"step {fields['number']} of a deployment")
        step = _step(fields["step"], format_)
        return Note(fields["uid"], fields["after"], int(fields["number"]), step)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _step(fields: Fields, format_: int) -> Fields:
    if format_ <= _BEFORE_KEYS:
        fields = _with_key(fields | {"key": None})
    row = _timed({key: fields[key] for key in _STEP})
    return row | {"outcome": Outcome(row["outcome"])}


def _with_key(step: Fields) -> Fields:
    """The step; its name gives the key where a version before keys wrote it."""
    return step | {"key": step["key"] or key_of_name(step["name"], step["cause"])}


def _deployment(fields: Fields) -> Fields:
    row = _timed({key: fields[key] for key in _DEPLOYMENT})
    return row | {"kind": Kind(row["kind"]), "state": State(row["state"])}


def _part(fields: Fields) -> Fields:
    row = {key: fields[key] for key in _PART}
    return row | {"colour": Colour(row["colour"])}


def _timed(row: Fields) -> Fields:
    read_times = {key: datetime.fromisoformat(row[key]) for key in _TIMES if row.get(key)}
    return row | read_times


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
