"""A shell in the proxy's container, over the Docker API, for as long as a command runs.

It works wherever the engine is (``--context``, ``ssh://``), needs no socket on any network and costs
one ``exec`` for many commands. It also holds the lock: the shell ends when its standard input ends,
however this process ends.
"""

from __future__ import annotations

import codecs
import time
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

from compose_bluegreen.adapters.system.exec_stream import ExecStream
from compose_bluegreen.domain.errors import ProxyFailed
from compose_bluegreen.domain.hints import Action, Hint
from compose_bluegreen.runtime.interrupts import put_off

_MARK = "@@bluegreen@@"
_SHELL = ["sh", "-c", "umask 077; exec sh"]
_NO_ROOM = ("No space left", "I/O error", "Disk quota exceeded")
"""Messages of the shell and its tools; dash reports a full disk as an I/O error."""

_TIMEOUT = 30.0
"""Seconds for each read: a proxy that hangs must not hang a deployment."""


_WHOLE = 300.0
"""Seconds for a whole answer: interrupts wait for its end."""


class SessionLost(ProxyFailed):
    """The container or its shell has ended; a new session may find it again."""


class NotReady(ProxyFailed):
    """The container runs, but HAProxy does not answer (yet)."""


class ExecProgram:
    """A program in the container that answers on its standard output.

    Raises SessionLost when the container or the program has ended.
    """

    def __init__(self, api: Any, container: str, user: str, command: Sequence[str]) -> None:
        """``user`` is empty for the container's own."""
        created = api.exec_create(
            container, list(command), stdin=True, stdout=True, stderr=True, user=user
        )
        self._stream = ExecStream(api.exec_start(created["Id"], socket=True), _TIMEOUT)
        self._turn = Lock()

    def ask(self, request: str, is_complete: Callable[[str], bool]) -> str:
        """Sends the request and reads both output streams until the answer is complete."""
        answer, decoder = "", codecs.getincrementaldecoder("utf-8")(errors="replace")
        try:
            # One question at a time, and to its end: the thread that keeps the lock asks too, and
            # what an interrupt left unread would be taken for the next answer.
            with put_off(), self._turn:
                self._stream.send(request.encode())
                deadline = time.monotonic() + _WHOLE
                while not is_complete(answer):
                    answer += decoder.decode(self._read(deadline))
        except OSError as error:
            raise SessionLost(
                "lost the connection to the proxy's container",
                hint=Hint(Action.STATUS, " shows the live colours"),
                detail=answer.strip(),
            ) from error
        return answer

    def close(self) -> None:
        self._stream.close()

    def _read(self, deadline: float) -> bytes:
        if time.monotonic() > deadline:
            raise TimeoutError("the answer has no end")
        output = self._stream.read()
        if output is None:
            raise ConnectionError("the program ended")
        return output


class ExecShell:
    """A shell. Raises SessionLost when it or its container has ended."""

    def __init__(self, api: Any, container: str, user: str) -> None:
        self._program = ExecProgram(api, container, user, _SHELL)

    def run(self, script: str) -> str:
        """The script's output, both streams. Raises ProxyFailed unless it ends with 0."""
        code, output = self._run(script)
        if code and any(message in output for message in _NO_ROOM):
            raise ProxyFailed(
                "the proxy can't write to its volume: the engine's disk is full, or fails",
                detail=output.strip(),
                hint="make room where the engine is: docker system df",
            )
        if code:
            raise ProxyFailed("a command in the proxy's container failed", detail=output.strip())
        return output

    def test(self, script: str) -> bool:
        return self._run(script)[0] == 0

    def close(self) -> None:
        self._program.close()

    def _run(self, script: str) -> tuple[int, str]:
        # Braces, not a subshell: what the script opens (the lock) must outlive it.
        line = f'{{ {script}\n}} 2>&1 </dev/null; printf "\\n{_MARK}%s\\n" "$?"\n'
        answer = self._program.ask(line, _is_complete)
        output, _, code = answer.rpartition(f"\n{_MARK}")
        return int(code), output


def _is_complete(answer: str) -> bool:
    return answer.endswith("\n") and f"\n{_MARK}" in answer
