"""HAProxy's master socket, in one connection that is kept: a command costs less than a millisecond,
where a ``socat`` of its own costs three."""

from __future__ import annotations

from typing import Any

from compose_bluegreen.adapters.haproxy.config import STATE
from compose_bluegreen.adapters.haproxy.exec_shell import NotReady, SessionLost, Stream

SOCKET = f"{STATE}/master.sock"

_PROGRAM = ("socat", "-t1", "-", f"UNIX-CONNECT:{SOCKET}")
_INTERACTIVE = "prompt"
_PROMPT = "master> "


class Master:
    """Raises NotReady where HAProxy doesn't answer (any more). To open it waits for nothing."""

    def __init__(self, api: Any, container: str) -> None:
        self._api = api
        self._container = container
        self._first: tuple[str, ...] = (_INTERACTIVE,)
        self._stream = Stream(api, container, _PROGRAM)

    def reopen(self) -> None:
        self.close()
        self._first = (_INTERACTIVE,)
        self._stream = Stream(self._api, self._container, _PROGRAM)

    def ask(self, *commands: str) -> list[str]:
        """The answer to each."""
        lines = (*self._first, *commands)
        try:
            said = self._stream.ask(
                "".join(f"{line}\n" for line in lines),
                # The end first: an answer about thousands of connections comes in many pieces.
                lambda heard: heard.endswith(_PROMPT) and heard.count(_PROMPT) >= len(lines),
            )
        except SessionLost as error:
            raise NotReady("HAProxy doesn't answer", detail=error.detail) from error
        answers = said.split(_PROMPT)[len(self._first) : -1]
        self._first = ()
        return answers

    def close(self) -> None:
        self._stream.close()
