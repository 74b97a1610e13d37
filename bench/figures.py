"""Figures, what they are compared with, and what they should be. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from statistics import median


class Unit(StrEnum):
    SECONDS = "s"
    MILLISECONDS = "ms"
    COUNT = ""
    TIMES = "×"


@dataclass(frozen=True, slots=True)
class Sample:
    """One figure of each run, in the order of the runs."""

    values: tuple[float, ...]
    unit: Unit

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("a sample of nothing")

    @classmethod
    def of(cls, values: Iterable[float], unit: Unit) -> Sample:
        return cls(tuple(values), unit)

    @property
    def median(self) -> float:
        return median(self.values)

    @property
    def low(self) -> float:
        return min(self.values)

    @property
    def high(self) -> float:
        return max(self.values)

    def per(self, other: Sample) -> Sample:
        """Run by run: what slows both of a run down leaves their ratio alone."""
        pairs = zip(self.values, other.values, strict=True)
        return Sample.of((mine / theirs for mine, theirs in pairs), Unit.TIMES)

    def over(self, other: Sample) -> Sample:
        """Run by run, what comes on top of the other."""
        pairs = zip(self.values, other.values, strict=True)
        return Sample.of((mine - theirs for mine, theirs in pairs), self.unit)


class Measure(StrEnum):
    """What of a row its goal is about."""

    VALUE = "value"
    RATIO = "ratio"
    EXCESS = "excess"


@dataclass(frozen=True, slots=True)
class Goal:
    """``limit`` in the unit of what it is about; the median is held to it."""

    limit: float
    about: Measure


@dataclass(frozen=True, slots=True)
class Beside:
    """What was measured in turns with ours, and what to call it."""

    name: str
    sample: Sample


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    ours: Sample
    beside: Beside | None = None
    goal: Goal | None = None

    def measured(self, what: Measure) -> Sample:
        """Raises LookupError where there is nothing to compare with."""
        if what is Measure.VALUE:
            return self.ours
        if self.beside is None:
            raise LookupError(f"{self.name} was measured beside nothing")
        other = self.beside.sample
        return self.ours.per(other) if what is Measure.RATIO else self.ours.over(other)

    @property
    def reached(self) -> bool | None:
        """None without a goal."""
        if self.goal is None:
            return None
        return self.measured(self.goal.about).median <= self.goal.limit
