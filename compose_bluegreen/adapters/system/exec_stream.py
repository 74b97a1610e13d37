"""Standard streams of a program that runs in a container by ``exec``, over the Docker API.

Docker sends both output streams through one connection, in frames: a header of eight bytes with the
length, then the bytes. The SDK can read them too, but its reader waits without a limit.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

_HEADER = struct.Struct(">BxxxL")
_PIECE = 64 * 1024

_LOOK_AGAIN = 0.2
"""Seconds of silence after which a caller asks whether the program still runs: a process that it
started in the background may hold the stream open."""


class ExecStream:
    """``stream`` is what the SDK returns for an exec or an attach with a socket."""

    def __init__(self, stream: Any, timeout: float = 30.0) -> None:
        """``timeout`` in seconds limits each read."""
        self._stream = stream
        # Without TLS the SDK wraps the socket in one more layer than with it.
        self._socket: socket.socket = getattr(stream, "_sock", stream)
        self._socket.settimeout(timeout)
        self._received = bytearray()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def read(self) -> bytes | None:
        """The output that arrived: empty while a frame is incomplete, None at the end.

        Raises TimeoutError where the program writes nothing.
        """
        piece = self._socket.recv(_PIECE)
        if not piece:
            return None
        self._received += piece
        return unframe(self._received)

    def read_to_end(self, deadline: float, runs: Callable[[], bool], keep: int = _PIECE) -> bytes:
        """The last ``keep`` bytes of the output, when the program ends, or at the deadline
        (monotonic seconds)."""
        self._socket.settimeout(_LOOK_AGAIN)
        output, silent = b"", False
        while time.monotonic() < deadline and not (silent and not runs()):
            silent = True
            with suppress(TimeoutError):
                piece = self.read()
                if piece is None:
                    break
                silent = False
                output = (output + piece)[-keep:]
        return output

    def close(self) -> None:
        """The stream and the socket below it, which closing the stream alone leaves open."""
        self._stream.close()
        self._socket.close()


def unframe(received: bytearray) -> bytes:
    """Removes the complete frames from ``received`` and returns what they carry."""
    output = bytearray()
    while len(received) >= _HEADER.size:
        _, length = _HEADER.unpack_from(received)
        end = _HEADER.size + length
        if len(received) < end:
            break
        output += received[_HEADER.size : end]
        del received[:end]
    return bytes(output)
