"""The states of a deployment and the transitions between them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


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

ROLLBACK_CANDIDATES = frozenset({State.LIVE, State.SUPERSEDED, State.REMOVED})
"""Its release passed its health checks and nobody has taken it back: rollback may choose it."""

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


class Outcome(StrEnum):
    """How a step of a deployment ended, or that it still runs."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    UNDONE = "undone"
    WARNED = "warned"
