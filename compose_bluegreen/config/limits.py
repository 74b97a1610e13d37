"""How much is too much, as a person writes it: ``5%``, ``3x``, ``800ms``. Pure."""

from __future__ import annotations

import re

from compose_bluegreen.domain import durations

NO_LIMIT = "off"

NOISE_MS = 50
"""What is slower by less isn't slow, however fast the old colour was: 2 ms or 7 is the machine's mood."""

_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,4})?)%")
_TIMES = re.compile(r"([0-9]{1,4}(?:\.[0-9]{1,4})?)x")
_ALL = 100.0
_LEAST = 1.0


def percentage(text: str) -> float:
    """``5%`` is 0.05. Raises ValueError, whose message names the cure."""
    match = _PERCENT.fullmatch(text)
    if match is None or (percent := float(match[1])) > _ALL:
        raise ValueError("a share of a hundred, such as 5% or 0.5%")
    return percent / _ALL


def slowest_ms(text: str, before_ms: int | None) -> float | None:
    """What 95 of 100 may wait: ``3x`` is three times ``before_ms``, which is the old colour's.

    None: there is no limit, or nothing to compare with. Raises ValueError.
    """
    if text == NO_LIMIT:
        return None
    if match := _TIMES.fullmatch(text):
        if (times := float(match[1])) < _LEAST:
            raise ValueError("1x or more")
        return None if before_ms is None else max(before_ms * times, before_ms + NOISE_MS)
    try:
        return durations.parse(text).total_seconds() * 1000
    except ValueError:
        raise ValueError(
            "times the old colour's, such as 3x, or a duration, such as 800ms, or off"
        ) from None
