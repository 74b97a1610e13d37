"""One shell inside the proxy's container, over the Docker API, for as long as a command runs.

It works wherever the engine is (``--context``, ``ssh://``), needs no socket on any network, costs
one ``exec`` for many commands, and it is the lock: the shell holds it, and the shell ends when its
standard input does, however we ended.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

from compose_bluegreen.domain.errors import ProxyFailed
from compose_bluegreen.domain.hints import Action, Hint
from compose_bluegreen.runtime.interrupts import put_off

_MARK = "@@bluegreen@@"
_SHELL = ["sh", "-c", "umask 077; exec sh"]
_NO_ROOM = ("No space left", "I/O error", "Disk quota exceeded")
"""What the shell and its tools say; dash calls a full disk an I/O error."""

_HEADER = struct.Struct(">BxxxL")


class SessionLost(ProxyFailed):
    """The container or its shell has gone; a new session may find it back."""


class NotReady(ProxyFailed):
    """The container runs, but HAProxy doesn't answer (yet)."""


def hang_up(stream: Any) -> None:
    """A stream of the SDK's, and the socket below it, which ``close`` alone leaves open."""
    below = _socket(stream)
    stream.close()
    below.close()


def _socket(stream: Any) -> socket.socket:
    """There is one more layer without TLS than with it."""
    found: socket.socket = getattr(stream, "_sock", stream)
    return found


class Stream:
    """Standard input and output of a program in the container.

    Raises SessionLost when the container or the program has gone.
    """

    def __init__(
        self, api: Any, container: str, program: Sequence[str], timeout: float = 30.0
    ) -> None:
        """``timeout`` in seconds bounds each read: a proxy that hangs must not hang a deploy."""
        made = api.exec_create(container, list(program), stdin=True, stdout=True, stderr=True)
        self._stream = api.exec_start(made["Id"], socket=True)
        self._socket = _socket(self._stream)
        self._socket.settimeout(timeout)
        self._turn = Lock()

    def ask(self, words: str, answered: Callable[[str], bool]) -> str:
        """What it says to these words, both streams, until that is an answer."""
        said = ""
        try:
            # One question at a time, and to its end: the thread that keeps the lock asks too, and
            # what an interrupt left unread would be taken for the next answer.
            with put_off(), self._turn:
                self._socket.sendall(words.encode())
                while not answered(said):
                    said += self._frame()
        except OSError as error:
            raise SessionLost(
                "lost the connection to the proxy's container",
                hint=Hint(Action.STATUS, " shows what serves"),
                detail=said.strip(),
            ) from error
        return said

    def close(self) -> None:
        hang_up(self._stream)

    def _frame(self) -> str:
        _, length = _HEADER.unpack(self._exactly(_HEADER.size))
        return self._exactly(length).decode(errors="replace")

    def _exactly(self, count: int) -> bytes:
        found = bytearray()
        while len(found) < count:
            piece = self._socket.recv(count - len(found))
            if not piece:
                raise ConnectionError("the program ended")
            found += piece
        return bytes(found)


class Session:
    """A shell. Raises SessionLost as its stream does."""

    def __init__(self, api: Any, container: str) -> None:
        self._shell = Stream(api, container, _SHELL)

    def run(self, script: str) -> str:
        """What the script prints, both streams; raises ProxyFailed unless it ends with 0."""
        code, said = self._run(script)
        if code and any(sign in said for sign in _NO_ROOM):
            raise ProxyFailed(
                "the proxy can't write to its volume: the engine's disk is full, or fails",
                detail=said.strip(),
                hint="make room where the engine is: docker system df",
            )
        if code:
            raise ProxyFailed("a command in the proxy's container failed", detail=said.strip())
        return said

    def test(self, script: str) -> bool:
        return self._run(script)[0] == 0

    def close(self) -> None:
        self._shell.close()

    def _run(self, script: str) -> tuple[int, str]:
        # Braces, not a subshell: what the script opens (the lock) must outlive it.
        line = f'{{ {script}\n}} 2>&1 </dev/null; printf "\\n{_MARK}%s\\n" "$?"\n'
        said = self._shell.ask(line, _is_whole)
        text, _, code = said.rpartition(f"\n{_MARK}")
        return int(code), text


def _is_whole(said: str) -> bool:
    return said.endswith("\n") and f"\n{_MARK}" in said
