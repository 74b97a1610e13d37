"""The formats of ``lock.holder`` and ``lock.wish`` on the proxy's volume. Pure.

Commands of several versions may work on one project, so each version reads the files of the others:
the keys of format 1 stay for ever. A file without a number is of format 1, as earlier versions wrote
it. A reader ignores keys that it does not know.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from compose_bluegreen.ports.lock import ControlSignal, LockOwner, SignalRequest

FORMAT = 1

_MALFORMED = (ValueError, KeyError, TypeError, OverflowError, RecursionError)
"""What the reading of a malformed file raises. RecursionError: it is nested too deeply."""


@dataclass(frozen=True, slots=True)
class LockToken:
    """Who takes the lock; ``token`` tells two commands of one person apart."""

    owner: LockOwner
    token: str


@dataclass(frozen=True, slots=True)
class HolderDocument:
    """``started`` names the run of the proxy's container in which the lock was taken."""

    token: LockToken
    started: str

    def text(self) -> str:
        return json.dumps(
            {
                "format": FORMAT,
                "actor": self.token.owner.actor,
                "what": self.token.owner.command,
                "since": self.token.owner.since.isoformat(),
                "token": self.token.token,
                "started": self.started,
            }
        )

    @classmethod
    def parse(cls, text: str) -> HolderDocument | None:
        """None for a file that is empty, damaged or of an unknown form."""
        try:
            fields = json.loads(text)
            since = datetime.fromisoformat(fields["since"]).astimezone(UTC)
            owner = LockOwner(_text(fields["actor"]), _text(fields["what"]), since)
            return cls(LockToken(owner, _text(fields["token"])), _text(fields["started"]))
        except _MALFORMED:
            return None


def wish_text(request: SignalRequest) -> str:
    return json.dumps({"format": FORMAT, "wish": request.signal.value, "actor": request.actor})


def parse_wish(text: str) -> SignalRequest | None:
    """None for a file that is empty, damaged or asks for what this version does not know."""
    try:
        fields = json.loads(text)
        return SignalRequest(ControlSignal(fields["wish"]), _text(fields["actor"]))
    except _MALFORMED:
        return None


def _text(value: object) -> str:
    """Raises TypeError, and UnicodeEncodeError for half a character, which can't be printed."""
    if not isinstance(value, str):
        raise TypeError
    value.encode()
    return value
