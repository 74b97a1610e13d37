"""Limits of an analysis, as users write them: ``5%``, ``3x``, ``800ms``."""

from __future__ import annotations

import re

from compose_bluegreen.domain import durations

NO_LIMIT = "off"

NOISE_MS = 50
"""A multiple always allows so many milliseconds more: at 2 ms, differences of 5 ms are only noise."""

_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,4})?)%")
_TIMES = re.compile(r"([0-9]{1,4}(?:\.[0-9]{1,4})?)x")
_ALL = 100.0
_LEAST = 1.0


def percentage(text: str) -> float:
    """``5%`` is 0.05. Raises ValueError, whose message says what to write."""
    match = _PERCENT.fullmatch(text)
    if match is None or (percent := float(match[1])) > _ALL:
        raise ValueError("it must be a percentage from 0% to 100%, such as 5% or 0.5%")
    return percent / _ALL


def slowest_ms(text: str, before_ms: int | None) -> float | None:
    """The limit for the 95th percentile: ``3x`` is three times ``before_ms``, that of the old colour.

    None: there is no limit, or no value of the old colour to compare with. Raises ValueError.
    """
    if text == NO_LIMIT:
        return None
    if match := _TIMES.fullmatch(text):
        if (times := float(match[1])) < _LEAST:
            raise ValueError("it must be 1x or more")
        return None if before_ms is None else max(before_ms * times, before_ms + NOISE_MS)
    try:
        return durations.parse(text).total_seconds() * 1000
    except ValueError:
        raise ValueError(
            "it must be a multiple of the old colour's, such as 3x, a duration, such as 800ms, or off"
        ) from None
