"""The states of a deployment and the transitions between them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class State(StrEnum):
    """How far a deployment is. History has each state before the act that the state names."""

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
"""If no command holds the lock, a deployment in one of these states was killed.

A deployment that waits for promotion was not.
"""

ROLLBACK_CANDIDATES = frozenset({State.LIVE, State.SUPERSEDED, State.REMOVED})
"""States of a release that was healthy and was not rolled back: a rollback may choose it."""

WENT_LIVE = ROLLBACK_CANDIDATES | {State.ROLLED_BACK}
"""States of a release that is or was live."""

_UNSUCCESSFUL_ENDS = frozenset({State.FAILED, State.INTERRUPTED, State.STUCK})

TRANSITIONS: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        State.PREPARING: frozenset({State.STARTING}) | _UNSUCCESSFUL_ENDS,
        State.STARTING: frozenset({State.WAITING, State.SWITCHING}) | _UNSUCCESSFUL_ENDS,
        State.WAITING: frozenset({State.SWITCHING}) | _UNSUCCESSFUL_ENDS,
        State.SWITCHING: frozenset({State.LIVE}) | _UNSUCCESSFUL_ENDS,
        State.LIVE: frozenset({State.SUPERSEDED, State.ROLLED_BACK, State.REMOVED}),
        # A person or the next command decides how it ends.
        State.STUCK: frozenset({State.LIVE, State.FAILED, State.INTERRUPTED, State.REMOVED}),
        State.SUPERSEDED: frozenset(),
        State.ROLLED_BACK: frozenset(),
        State.REMOVED: frozenset(),
        State.FAILED: frozenset(),
        State.INTERRUPTED: frozenset(),
    }
)


class WrongTransition(Exception):
    """A bug in compose-bluegreen: the table above does not allow this transition."""


def check_transition(before: State, after: State) -> None:
    """Raises WrongTransition unless ``after`` may follow ``before``."""
    if after not in TRANSITIONS[before]:
        raise WrongTransition(f"a deployment can't go from {before} to {after}")


class Outcome(StrEnum):
    """How a step of a deployment ended, or that it still runs."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    UNDONE = "undone"
    WARNED = "warned"
