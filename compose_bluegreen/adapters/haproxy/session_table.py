"""What HAProxy says of each stream that it carries (``show sess all``). Pure."""

from __future__ import annotations

import re
from collections.abc import Collection

EVENT_STREAM = 1
"""The niceness by which HAProxy marks an answer that is an event stream: nothing else of what an
answer is called is shown. It costs it a thousandth of its turn."""

_FIRST_LINE = re.compile(r"^(?=0x[0-9a-f]+: \[)", re.MULTILINE)
_BACKEND = re.compile(r"^ +backend=(\S+) \(id=-?\d+ mode=(\S+)\)", re.MULTILINE)
_NICE = re.compile(r"^ +task=.* nice=(-?\d+)", re.MULTILINE)
_TUNNEL = re.compile(r"^ +txn=.* rsp\.st=MSG_TUNNEL", re.MULTILINE)


def long_lived(text: str, backends: Collection[str]) -> int:
    """How many streams of these backends have no end of their own."""
    return sum(_is_long_lived(one, backends) for one in _FIRST_LINE.split(text))


def _is_long_lived(stream: str, backends: Collection[str]) -> bool:
    """A request that was upgraded, an event stream, or whatever plain TCP carries."""
    found = _BACKEND.search(stream)
    if found is None or found[1] not in backends:
        return False
    nice = _NICE.search(stream)
    marked = nice is not None and int(nice[1]) == EVENT_STREAM
    return found[2] == "tcp" or marked or _TUNNEL.search(stream) is not None
