"""The port that allows one command at a time to change a project."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class LockOwner:
    """The command that holds the lock: its user (``user@host``), its words, and its start (UTC)."""

    actor: str
    command: str
    since: datetime


class ControlSignal(StrEnum):
    """A request that a deployment accepts while it waits in a canary or a bake."""

    PROMOTE = "promote"
    ABORT = "abort"


@dataclass(frozen=True, slots=True)
class SignalRequest:
    """A signal with the user who sent it: ``actor`` is user@host."""

    signal: ControlSignal
    actor: str


class Lock(Protocol):
    """Excludes other deployments of the same project. The lock is kept on the engine itself."""

    def hold(self, holder: LockOwner) -> AbstractContextManager[None]:
        """Holds the lock inside the block, or until this process ends.

        Raises LockHeld at once if another command holds it; the error names that command.
        """

    def assure(self) -> None:
        """Raises LockLost if this command does not hold the lock any more."""

    def owner(self) -> LockOwner | None:
        """The command that holds the lock now. Changes nothing and does not wait."""

    def listen(self) -> AbstractContextManager[None]:
        """Inside the block, this command, which holds the lock, accepts signals of other commands."""

    def requested_signal(self) -> SignalRequest | None:
        """The signal that was received since ``listen``; None if there was none."""

    def signal(self, requested_signal: SignalRequest) -> bool:
        """Sends a signal to the command that holds the lock. Returns False if it does not listen."""

    def release(self) -> LockOwner | None:
        """Releases the lock by force; returns its owner, if there was one.

        That command then gets LockLost before its next change.
        """
