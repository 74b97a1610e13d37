"""What the application has received: the id of each POST, one a line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from testkit.load import Kind, Outcome, Record


@dataclass(frozen=True, slots=True)
class Ledger:
    path: Path

    def clear(self) -> None:
        """The application may run as any user. The file stays the same, for it may be mounted."""
        self.path.touch()
        self.path.chmod(0o666)
        self.path.write_text("", encoding="utf-8")

    def received(self) -> Counter[str]:
        return Counter(self.path.read_text(encoding="utf-8").split())


@dataclass(frozen=True, slots=True)
class Posts:
    """``repeated``: receipts beyond the first. ``unseen``: answered well, and never received."""

    sent: int
    repeated: int
    unseen: int


def compare(records: Iterable[Record], received: Counter[str]) -> Posts:
    posts = [one for one in records if one.kind is Kind.POST]
    return Posts(
        sent=len(posts),
        repeated=sum(max(0, received[one.id] - 1) for one in posts),
        unseen=sum(one.outcome is Outcome.OK and not received[one.id] for one in posts),
    )
