"""What this machine has seen, in memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from compose_bluegreen.domain.errors import BluegreenError


@dataclass(slots=True)
class FakePowers:
    """``full``: nothing can be noted."""

    seen: set[tuple[str, str]] = field(default_factory=set)
    full: bool = False

    def note(self, service: str, powers: Iterable[str]) -> None:
        if self.full:
            raise BluegreenError("can't note in seen which powers it has: No space left on device")
        self.seen |= {(service, power) for power in powers}

    def unseen(self, service: str, powers: Iterable[str]) -> frozenset[str]:
        return frozenset(power for power in powers if (service, power) not in self.seen)
