"""Durations as Compose writes them: ``1m30s``, ``500ms``, ``1.5h``."""

from __future__ import annotations

import re
from datetime import timedelta

_MICROSECONDS = {
    "us": 1,
    "µs": 1,  # the micro sign, which Compose itself prints
    "μs": 1,  # the Greek letter, which Go reads too
    "ms": 1_000,
    "s": 1_000_000,
    "m": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
    "w": 604_800_000_000,
}
_AMOUNT = re.compile(r"([0-9]{0,15})(?:\.([0-9]{0,15}))?(us|µs|μs|ms|s|m|h|d|w)")
_BARE_NUMBER = re.compile(r"[0-9]+(\.[0-9]*)?")
_SHAPE = "write numbers with units, such as 1m30s, 500ms or 1.5h"


def parse(text: str) -> timedelta:
    """Raises ValueError, whose message says what to write. Drops what is below a microsecond."""
    written = text.strip()
    if _BARE_NUMBER.fullmatch(written):
        raise ValueError(
            f"{written} has no unit: write {written}s for seconds, or {written}m, {written}ms"
        )
    microseconds, position = 0, 0
    while position < len(written):
        match = _AMOUNT.match(written, position)
        if match is None:
            break
        microseconds += _microseconds(match, written)
        position = match.end()
    if position == 0 or position < len(written):
        raise ValueError(f"{text!r} is not a duration: {_SHAPE}")
    try:
        return timedelta(microseconds=microseconds)
    except OverflowError:
        raise ValueError(f"{text!r} is too long: write a shorter duration") from None


def _microseconds(match: re.Match[str], written: str) -> int:
    whole, fraction = match[1], match[2] or ""
    if not whole and not fraction:
        raise ValueError(f"{written!r} is not a duration: {_SHAPE}")
    # Integers, because 0.1 as a float is a little more than 0.1.
    return int(int(whole + fraction) * _MICROSECONDS[match[3]] // 10 ** len(fraction))


def show(duration: timedelta) -> str:
    """As ``parse`` reads it, to the microsecond: ``1h30m``, ``1.5s``, ``500ms``, ``0s``."""
    microseconds = duration // timedelta(microseconds=1)
    if microseconds < 0:
        return "-" + show(-duration)
    if 0 < microseconds < 1_000:
        return f"{microseconds}us"
    if 0 < microseconds < 1_000_000:
        return f"{_decimal(microseconds, 1_000)}ms"
    hours, remainder = divmod(microseconds, _MICROSECONDS["h"])
    minutes, remainder = divmod(remainder, _MICROSECONDS["m"])
    parts = [f"{hours}h" if hours else "", f"{minutes}m" if minutes else ""]
    parts.append(f"{_decimal(remainder, 1_000_000)}s" if remainder or not microseconds else "")
    return "".join(parts)


def _decimal(amount: int, unit: int) -> str:
    whole, remainder = divmod(amount, unit)
    digits = len(str(unit)) - 1
    return f"{whole}.{remainder:0{digits}d}".rstrip("0").rstrip(".")
