"""Which version is live must have been one atomic register: told from the records of a load alone.

Each answer is a read of this register, and each switch a write. What is known of the switches is in
which windows they can have been, the times of the commands that release, and how many in each of them.
A version may come back, as after a rollback. See ``register_search`` for the search.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf

from testkit.load.record import Kind, Record
from testkit.load.register_search import Change, Explanation, Read, Window, explained
from testkit.load.report import Report

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Switching:
    """A time in which a command may switch. ``split``: requests may go to two versions at once
    meanwhile, as a canary does it."""

    begins: float
    ends: float = inf
    switches: int = 2
    """There, and back if the release is bad."""
    split: bool = False

    def overlaps(self, record: Record) -> bool:
        return record.started_at <= self.ends and self.begins <= record.ended_at

    def contains(self, record: Record) -> bool:
        return self.begins <= record.started_at and record.ended_at <= self.ends


@dataclass(frozen=True, slots=True)
class Verdict:
    """``stale``: the fewest answers without which one register explains all others."""

    stale: tuple[Record, ...]
    switches: tuple[Change, ...]
    report: Report

    def describe(self) -> str:
        """A few lines, for the message of an assertion."""
        began = self.report.began_at
        lines = [f"{len(self.stale)} answers contradict one atomic switch"]
        lines += [f"  {self.report.tell(one)}" for one in self.stale[:_SHOWN]]
        lines += [
            f"  the others: {one.old} until +{one.at - began:.3f} s at the latest, then {one.new}"
            for one in self.switches
        ]
        return "\n".join(lines)


def check(report: Report, switching: Sequence[Switching], *, by_colour: bool = True) -> Verdict:
    """``by_colour``: the same version in the other colour is another value."""
    split = [one for one in switching if one.split]
    answers = [one for one in report.records if one.version and one.kind is not Kind.MESSAGE]
    third = [stale for one in split for stale in _third_versions(answers, one)]
    reads = [
        Read(one.started_at, one.ended_at, _value(one, by_colour), number)
        for number, one in enumerate(answers)
        if not any(window.overlaps(one) for window in split)
    ]
    windows = [Window(one.begins, one.ends, one.switches) for one in switching]
    found = explained(reads, windows, most=0) or explained(reads, windows) or Explanation()
    stale = [answers[read.number] for read in found.unexplained]
    return Verdict((*third, *stale), found.changes, report)


def _value(record: Record, by_colour: bool) -> str:
    if by_colour and record.colour:
        return f"{record.version} ({record.colour})"
    return record.version


def _third_versions(answers: Iterable[Record], split: Switching) -> list[Record]:
    """Answers of any version but the two that may share the requests."""
    inside = [one for one in answers if split.contains(one)]
    two = {value for value, _ in Counter(one.version for one in inside).most_common(2)}
    return [one for one in inside if one.version not in two]
