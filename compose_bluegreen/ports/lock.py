"""What excludes other deployments of the same project."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class LockOwner:
    """Who holds the lock: ``actor`` as user@host, ``what`` they do, since when (UTC)."""

    actor: str
    what: str
    since: datetime


class ControlSignal(StrEnum):
    """What may be asked of a deployment that only watches."""

    PROMOTE = "promote"
    ABORT = "abort"


@dataclass(frozen=True, slots=True)
class SignalRequest:
    """``actor`` as user@host."""

    signal: ControlSignal
    actor: str


class Lock(Protocol):
    """Excludes other deployments of the same project, on the engine itself."""

    def hold(self, holder: LockOwner) -> AbstractContextManager[None]:
        """Raises LockHeld at once, which names who holds it. It ends with its holder."""

    def assure(self) -> None:
        """Raises LockLost if the lock that this command held is its own no longer."""

    def owner(self) -> LockOwner | None:
        """Who holds it now. Looks only, and waits for nobody."""

    def listen(self) -> AbstractContextManager[None]:
        """Inside, others can ask something of this command, which holds it."""

    def requested_signal(self) -> SignalRequest | None:
        """What they have asked, since it listens."""

    def signal(self, requested_signal: SignalRequest) -> bool:
        """Asks it of whoever holds the lock; False where nobody listens."""

    def release(self) -> LockOwner | None:
        """By force: whose it was. That command touches nothing any more (LockLost)."""
