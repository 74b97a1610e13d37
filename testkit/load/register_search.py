"""The search for one atomic register that explains a history of reads.

A read has two moments, its begin and its end, and the value that it got. The register explains a read
if it held this value at some moment between the two, both included. The register may change only inside
of windows, and in each of them at most as often as the window allows.

The search goes through time once. A change is postponed until it has to be: to the end of a read that
the present value does not explain, or to the end of a window. An earlier change explains no more,
because the old value is then held for a shorter time. So these moments are enough. At each of them the
search branches: into the orders of changes that are possible there, and into leaving the read
unexplained. A branch that is in no respect better than another one is dropped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from math import inf
from typing import NamedTuple

BREADTH = 128
"""Branches that are followed at once. Below it, the result is exact."""


class Read(NamedTuple):
    begins: float
    ends: float
    value: str
    number: int = 0
    """Whose read it is; the search does not use it."""


@dataclass(frozen=True, slots=True)
class Window:
    """A time in which the register may change so often."""

    begins: float
    ends: float = inf
    changes: int = 1


class Change(NamedTuple):
    """The latest moment at which it can have been."""

    at: float
    old: str
    new: str


Trail = tuple["Trail", Read | Change] | None
"""What happened on a branch, the last first."""


@dataclass(frozen=True, slots=True)
class Branch:
    """``held``: when each value but the present one was held last."""

    value: str
    held: dict[str, float]
    changes: int = 0
    unexplained: int = 0
    trail: Trail = None

    def explains(self, read: Read) -> bool:
        return read.value == self.value or self.held.get(read.value, -inf) >= read.begins

    def without(self, read: Read) -> Branch:
        count = self.unexplained + 1
        return Branch(self.value, self.held, self.changes, count, (self.trail, read))

    def changed(self, at: float, values: Iterable[str]) -> Branch:
        """To all these values, one after another and all at this moment."""
        now, held, count, trail = self.value, dict(self.held), self.changes, self.trail
        for value in values:
            held[now] = at
            trail = (trail, Change(at, now, value))
            now, count = value, count + 1
        held.pop(now, None)
        return Branch(now, held, count, self.unexplained, trail)

    def in_next_window(self) -> Branch:
        return Branch(self.value, self.held, 0, self.unexplained, self.trail)

    def is_covered_by(self, other: Branch, since: float) -> bool:
        """Whether the other is at least as good, for all reads that began at ``since`` or later."""
        return (
            other.value == self.value
            and other.unexplained <= self.unexplained
            and other.changes <= self.changes
            and all(
                other.held.get(value, -inf) >= moment
                for value, moment in self.held.items()
                if moment >= since
            )
        )


@dataclass(frozen=True, slots=True)
class Explanation:
    """``unexplained`` is as few reads as possible."""

    unexplained: tuple[Read, ...] = ()
    changes: tuple[Change, ...] = ()


def explained(
    reads: Sequence[Read], windows: Sequence[Window], most: float = inf
) -> Explanation | None:
    """The best explanation; None if more than ``most`` reads have to be left unexplained."""
    if not reads:
        return Explanation()
    search = _Search(reads, joined(windows))
    branches = search.run(most)
    if not branches:
        return None
    best = min(branches, key=lambda branch: branch.unexplained)
    happened = list(_happened(best.trail))
    return Explanation(
        tuple(one for one in happened if isinstance(one, Read)),
        tuple(one for one in happened if isinstance(one, Change)),
    )


def joined(windows: Iterable[Window]) -> list[Window]:
    """Windows that overlap become one, which allows the changes of all."""
    found: list[Window] = []
    for window in sorted(windows, key=lambda one: one.begins):
        if found and window.begins <= found[-1].ends:
            last = found.pop()
            ends = max(last.ends, window.ends)
            found.append(Window(last.begins, ends, last.changes + window.changes))
        else:
            found.append(window)
    return found


class _Search:
    def __init__(self, reads: Sequence[Read], windows: Sequence[Window]) -> None:
        self._reads = sorted(reads, key=lambda read: read.ends)
        self._windows = windows
        self._values = list(dict.fromkeys(read.value for read in self._reads))
        self._since = _earliest_begins(self._reads)
        self._open = Counter[str]()

    def run(self, most: float) -> list[Branch]:
        branches = [Branch(value, {}) for value in self._values]
        coming = iter(self._windows)
        window = next(coming, None)
        begins = sorted(self._reads, key=lambda read: read.begins)
        begun = 0
        for number, read in enumerate(self._reads):
            while window and window.ends < read.ends:
                begun = self._begin(begins, begun, window.ends)
                branches = self._leave(branches, window, self._since[number])
                window = next(coming, None)
            begun = self._begin(begins, begun, read.ends)
            inside = window if window and window.begins <= read.ends else None
            branches = self._after(branches, read, inside, self._since[number], most)
            self._open[read.value] -= 1
        return branches

    def _begin(self, begins: list[Read], begun: int, until: float) -> int:
        while begun < len(begins) and begins[begun].begins <= until:
            self._open[begins[begun].value] += 1
            begun += 1
        return begun

    def _after(
        self,
        branches: list[Branch],
        read: Read,
        window: Window | None,
        since: float,
        most: float,
    ) -> list[Branch]:
        if all(branch.explains(read) for branch in branches):
            return branches
        found: list[Branch] = []
        for branch in branches:
            if branch.explains(read):
                found.append(branch)
                continue
            if branch.unexplained < most:
                found.append(branch.without(read))
            if window:
                left = window.changes - branch.changes
                found += self._changed(branch, read.ends, read.value, left)
        return _best(found, since)

    def _leave(self, branches: list[Branch], window: Window, since: float) -> list[Branch]:
        """At the end of a window: whatever value it has until the next window."""
        found: list[Branch] = []
        for branch in branches:
            left = window.changes - branch.changes
            found.append(branch.in_next_window())
            for value in self._values:
                changed = self._changed(branch, window.ends, value, left)
                found += [one.in_next_window() for one in changed]
        return _best(found, since)

    def _changed(self, branch: Branch, at: float, value: str, left: int) -> Iterator[Branch]:
        """To this value; on the way, to others of which a read is open."""
        others = [
            one
            for one, count in self._open.items()
            if count > 0 and one not in {value, branch.value}
        ]
        there_and_back = value == branch.value
        for length in range(there_and_back, min(left, len(others) + 1)):
            for way in permutations(others, length):
                yield branch.changed(at, (*way, value))


def _best(branches: list[Branch], since: float) -> list[Branch]:
    """Of those that are equal, one; of too many, those that leave the fewest reads unexplained."""
    kept: list[Branch] = []
    for branch in sorted(branches, key=lambda one: (one.unexplained, one.changes)):
        if len(kept) == BREADTH:
            break
        if not any(branch.is_covered_by(other, since) for other in kept):
            kept.append(branch)
    return kept


def _earliest_begins(reads: Sequence[Read]) -> list[float]:
    """For each read, the earliest begin of it and of all that end later."""
    found, earliest = [], inf
    for read in reversed(reads):
        earliest = min(earliest, read.begins)
        found.append(earliest)
    return found[::-1]


def _happened(trail: Trail) -> Iterator[Read | Change]:
    happened = []
    while trail:
        trail, one = trail
        happened.append(one)
    return reversed(happened)
