"""The stages of a canary, as users write them: ``5%:1m,25%:5m,50%:5m``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from compose_bluegreen.config.limits import percentage
from compose_bluegreen.domain import durations
from compose_bluegreen.domain.topology import WHOLE

NONE = "off"

_SHAPE = "write percentages with durations, such as 5%:1m,25%:5m,50%:5m, or off"


@dataclass(frozen=True, slots=True)
class Stage:
    """For ``time``, ``parts`` of 10,000 requests go to the new colour."""

    parts: int
    time: timedelta


def parse(text: str) -> tuple[Stage, ...]:
    """Raises ValueError, whose message says what to write."""
    if text.strip() == NONE:
        return ()
    stages = tuple(_stage(part.strip()) for part in text.split(","))
    if any(later.parts <= before.parts for before, later in pairwise(stages)):
        raise ValueError(f"each percentage must be greater than the previous one: {_SHAPE}")
    return stages


def _stage(text: str) -> Stage:
    percent, colon, time = text.partition(":")
    if not colon:
        raise ValueError(f"{text!r} is not a canary step: {_SHAPE}")
    parts, duration = round(percentage(percent.strip()) * WHOLE), durations.parse(time)
    if not 0 < parts < WHOLE:
        raise ValueError(f"{percent} is not between 0% and 100%: {_SHAPE}")
    return Stage(parts, duration)
