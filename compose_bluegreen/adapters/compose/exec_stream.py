"""What a program says that runs in a container by ``exec``, over the Docker API."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

_HEADER = struct.Struct(">BxxxL")
_LOOK_AGAIN = 0.2
"""Seconds of silence after which it is asked whether it still runs: what it started in the
background may hold the stream open."""

_KEPT = 64 * 1024
"""Bytes of its end."""


def heard(stream: Any, deadline: float, runs: Callable[[], bool]) -> bytes:
    """The end of both its streams, when it ends or at the deadline (monotonic seconds)."""
    line: socket.socket = getattr(stream, "_sock", stream)  # one more layer without TLS
    line.settimeout(_LOOK_AGAIN)
    raw, said, silent = bytearray(), bytearray(), False
    while time.monotonic() < deadline and not (silent and not runs()):
        silent = True
        with suppress(TimeoutError):
            piece = line.recv(_KEPT)
            if not piece:
                break
            silent = False
            raw += piece
            said = (said + _frames(raw))[-_KEPT:]
    return bytes(said)


def _frames(raw: bytearray) -> bytes:
    """Takes those that are whole."""
    found = bytearray()
    while len(raw) >= _HEADER.size:
        _, length = _HEADER.unpack_from(raw)
        end = _HEADER.size + length
        if len(raw) < end:
            break
        found += raw[_HEADER.size : end]
        del raw[:end]
    return bytes(found)
