"""HAProxy's table of open streams (``show sess all``). Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import timedelta

EVENT_STREAM = 1
"""The niceness with which the configuration marks a response that is an event stream, because the
table shows no content type. It costs the stream a thousandth of its turn."""

_FIRST_LINE = re.compile(r"^(?=0x[0-9a-f]+: \[)", re.MULTILINE)
_BACKEND = re.compile(r"^ +backend=(\S+) \(id=-?\d+ mode=(\S+)\)", re.MULTILINE)
_NICE = re.compile(r"^ +task=.* nice=(-?\d+)", re.MULTILINE)
_TUNNEL = re.compile(r"^ +txn=.* rsp\.st=MSG_TUNNEL", re.MULTILINE)
_UNANSWERED = re.compile(r"^ +txn=.* req\.st=MSG_DONE rsp\.st=MSG_RPBEFORE", re.MULTILINE)
_IDENTITY = re.compile(r"^0x[0-9a-f]+: \[[^\]]*\] id=\d+")
_AGE = re.compile(r"^ +task=.* age=((?:\d+[dhms])+)\)", re.MULTILINE)
_AGE_PART = re.compile(r"(\d+)([dhms])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


def long_lived(text: str, backends: Collection[str]) -> int:
    """How many streams of these backends have no end of their own."""
    return sum(_is_long_lived(stream, backends) for stream in _FIRST_LINE.split(text))


def unanswered(text: str, backends: Collection[str]) -> dict[str, timedelta]:
    """The age of each request of these backends that has arrived whole, and has no answer yet."""
    return {
        identity[0]: _age(stream)
        for stream in _FIRST_LINE.split(text)
        if (identity := _IDENTITY.match(stream))
        and (backend := _BACKEND.search(stream))
        and backend[1] in backends
        and _UNANSWERED.search(stream)
    }


def _age(stream: str) -> timedelta:
    age = _AGE.search(stream)
    parts = _AGE_PART.findall(age[1]) if age else []
    return timedelta(**{_UNITS[unit]: int(count) for count, unit in parts})


def _is_long_lived(stream: str, backends: Collection[str]) -> bool:
    """An upgraded request, an event stream, or a plain TCP connection."""
    backend = _BACKEND.search(stream)
    if backend is None or backend[1] not in backends:
        return False
    nice = _NICE.search(stream)
    marked = nice is not None and int(nice[1]) == EVENT_STREAM
    return backend[2] == "tcp" or marked or _TUNNEL.search(stream) is not None
