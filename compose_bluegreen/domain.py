"""What a blue/green deployment is. Pure: no I/O, no clock, no third-party library."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any

Model = dict[str, Any]
"""A piece of a resolved compose file, as YAML or JSON gives it."""

_NAME_PART = re.compile(r"(?=.{1,80}$)[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*")


class Colour(StrEnum):
    BLUE = "blue"
    GREEN = "green"

    @property
    def other(self) -> Colour:
        return Colour.GREEN if self is Colour.BLUE else Colour.BLUE


class Kind(StrEnum):
    UP = "up"
    ROLLBACK = "rollback"


class State(StrEnum):
    """Where a deployment stands; each state is written before the act that it names."""

    PREPARING = "preparing"
    """Its images are being built or pulled."""
    STARTING = "starting"
    """The idle colour is starting and its health is checked."""
    WAITING = "waiting"
    """The idle colour is healthy and receives no traffic until a person promotes it."""
    SWITCHING = "switching"
    """Either colour may receive the traffic."""
    LIVE = "live"
    """Its colour receives the traffic."""
    SUPERSEDED = "superseded"
    """A later deployment replaced it. A rollback may choose it."""
    ROLLED_BACK = "rolled_back"
    """A rollback replaced it. Only `rollback --to` brings it back."""
    REMOVED = "removed"
    """`down` removed it. A rollback may choose it."""
    FAILED = "failed"
    """It failed and was undone."""
    INTERRUPTED = "interrupted"
    """A person, a signal or a crash ended it before it was live."""
    STUCK = "stuck"
    """Undoing it failed. A person must decide."""


UNFINISHED = frozenset({State.PREPARING, State.STARTING, State.SWITCHING})
"""A deployment in one of these, with nobody holding the lock, was killed. One that waits was not."""

PROVEN = frozenset({State.LIVE, State.SUPERSEDED, State.REMOVED})
"""Its release passed its health checks and nobody has taken it back: rollback may choose it."""

HOLD = "hold "
"""How the step is called after which a deployment waits."""

_ENDS_OF_AN_ATTEMPT = frozenset({State.FAILED, State.INTERRUPTED, State.STUCK})

TRANSITIONS: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        State.PREPARING: frozenset({State.STARTING}) | _ENDS_OF_AN_ATTEMPT,
        State.STARTING: frozenset({State.WAITING, State.SWITCHING}) | _ENDS_OF_AN_ATTEMPT,
        State.WAITING: frozenset({State.SWITCHING}) | _ENDS_OF_AN_ATTEMPT,
        State.SWITCHING: frozenset({State.LIVE}) | _ENDS_OF_AN_ATTEMPT,
        State.LIVE: frozenset({State.SUPERSEDED, State.ROLLED_BACK, State.REMOVED}),
        # A person, or the next command, settles what a crash or a failed undo left open.
        State.STUCK: frozenset({State.LIVE, State.FAILED, State.INTERRUPTED, State.REMOVED}),
        State.SUPERSEDED: frozenset(),
        State.ROLLED_BACK: frozenset(),
        State.REMOVED: frozenset(),
        State.FAILED: frozenset(),
        State.INTERRUPTED: frozenset(),
    }
)


class WrongTransition(Exception):
    """A bug of ours: the table above doesn't have this arrow."""


def check_transition(before: State, after: State) -> None:
    """Raises WrongTransition unless ``after`` may follow ``before``."""
    if after not in TRANSITIONS[before]:
        raise WrongTransition(f"a deployment can't go from {before} to {after}")


@dataclass(frozen=True, slots=True)
class Image:
    """An image on the engine.

    ``reference`` is what the person wrote, ``id`` what to start and to compare (``sha256:…``),
    ``repo_digest`` where it can be pulled again (``repository@sha256:…``), if anywhere.
    """

    reference: str
    id: str
    repo_digest: str | None = None

    @property
    def short_id(self) -> str:
        return self.id.removeprefix("sha256:")[:12]


@dataclass(frozen=True, slots=True)
class Release:
    """What one service runs: an image and the resolved model, independent of later edits.

    ``model`` is a stand-alone compose file with this one service (see ``models.py``),
    ``settings`` the service's ``x-bluegreen`` as it was, ``fingerprint`` tells two apart.
    """

    service: str
    image: Image
    model: Model
    settings: Model
    fingerprint: str

    @property
    def kept_tag(self) -> str:
        """The tag that keeps the image from ``docker image prune``."""
        return f"{kept_repository(self.model['name'], self.service)}:{self.image.short_id}"


def kept_repository(project: str, service: str) -> str:
    """Where the tags of a service's kept images are; no two services share one.

    Docker's grammar is narrower than Compose's: ``Web`` or ``web_`` is no part of an image's name.
    """
    return f"bluegreen/{_name_part(project)}/{_name_part(service)}"


def _name_part(name: str) -> str:
    if _NAME_PART.fullmatch(name):
        return name
    like_it = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]
    return f"{like_it}-{hashlib.sha256(name.encode()).hexdigest()[:8]}".lstrip("-")


@dataclass(frozen=True, slots=True)
class Part:
    """One service's share in a deployment."""

    release: Release
    colour: Colour
    live: bool = False

    @property
    def service(self) -> str:
        return self.release.service


class Outcome(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    UNDONE = "undone"
    WARNED = "warned"


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One step as history keeps it; ``detail`` holds a remark or the last words of what failed."""

    name: str
    cause: str
    outcome: Outcome
    started_at: datetime
    finished_at: datetime | None = None
    detail: str = ""

    @property
    def duration(self) -> timedelta | None:
        return self.finished_at - self.started_at if self.finished_at else None


@dataclass(frozen=True, slots=True)
class Draft:
    """What is known of a deployment before anything moves."""

    engine: str
    project: str
    kind: Kind
    services: tuple[str, ...]
    actor: str
    started_at: datetime
    message: str = ""
    git_revision: str | None = None
    rollback_of: int | None = None
    restores: int | None = None


@dataclass(frozen=True, slots=True)
class Deployment:
    """One attempt to make a release live.

    ``id`` counts within one project on one engine, and is the same on every machine.
    ``rollback_of`` is the deployment that this one takes back, ``restores`` the one whose release
    it brings back; both are None unless ``kind`` is rollback. Times are aware, in UTC.
    ``parts`` is empty until the images are known; ``steps`` only where history was asked for them.
    """

    id: int
    engine: str
    project: str
    kind: Kind
    state: State
    services: tuple[str, ...]
    actor: str
    started_at: datetime
    finished_at: datetime | None = None
    message: str = ""
    git_revision: str | None = None
    reason: str = ""
    rollback_of: int | None = None
    restores: int | None = None
    parts: tuple[Part, ...] = ()
    steps: tuple[StepRecord, ...] = field(default=(), repr=False)

    @property
    def duration(self) -> timedelta | None:
        return self.finished_at - self.started_at if self.finished_at else None

    @property
    def held_since(self) -> datetime:
        """Of one that waits, or has waited."""
        holds = (step.started_at for step in self.steps if step.name.startswith(HOLD))
        return next(holds, self.started_at)

    def part(self, service: str) -> Part | None:
        return next((part for part in self.parts if part.service == service), None)
