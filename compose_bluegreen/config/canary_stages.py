"""The steps of a canary, as a person writes them: ``5%:1m,25%:5m,50%:5m``. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from compose_bluegreen.config.limits import percentage
from compose_bluegreen.domain import durations
from compose_bluegreen.domain.topology import WHOLE

NONE = "off"

_SHAPE = "steps of a share and a duration, such as 5%:1m,25%:5m,50%:5m, or off"


@dataclass(frozen=True, slots=True)
class Stage:
    """So many of 10,000 requests, for so long."""

    parts: int
    time: timedelta


def parse(text: str) -> tuple[Stage, ...]:
    """Raises ValueError, whose message names the cure."""
    if text.strip() == NONE:
        return ()
    found = tuple(_stage(one.strip()) for one in text.split(","))
    canary_weights = [one.parts for one in found]
    if any(later <= before for before, later in pairwise(canary_weights)):
        raise ValueError(f"each step takes more than the one before it: {_SHAPE}")
    return found


def _stage(text: str) -> Stage:
    percent, colon, time = text.partition(":")
    if not colon:
        raise ValueError(f"{text!r} is no step: {_SHAPE}")
    parts, duration = round(percentage(percent.strip()) * WHOLE), durations.parse(time)
    if not 0 < parts < WHOLE:
        raise ValueError(f"{percent} is none or all of it: {_SHAPE}")
    return Stage(parts, duration)
