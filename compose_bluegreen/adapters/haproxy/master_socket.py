"""HAProxy's master socket, through one connection that stays open: a command costs less than a
millisecond, where a ``socat`` for each command costs three."""

from __future__ import annotations

from shlex import quote
from typing import Any

from compose_bluegreen.adapters.haproxy.config import STATE
from compose_bluegreen.adapters.haproxy.exec_shell import (
    ExecProgram,
    ExecShell,
    NotReady,
    SessionLost,
)

SOCKET = f"{STATE}/master.sock"

_SOCAT = ("socat", "-t1", "-", f"UNIX-CONNECT:{SOCKET}")
_INTERACTIVE = "prompt"
_PROMPT = "master> "


class MasterSocket:
    """Raises NotReady where HAProxy does not answer (any more). Opening it waits for nothing."""

    def __init__(self, api: Any, container: str) -> None:
        self._api = api
        self._container = container
        self._first: tuple[str, ...] = (_INTERACTIVE,)
        self._program = ExecProgram(api, container, _SOCAT)

    def reopen(self) -> None:
        self.close()
        self._first = (_INTERACTIVE,)
        self._program = ExecProgram(self._api, self._container, _SOCAT)

    def ask(self, *commands: str) -> list[str]:
        """The answer to each command."""
        lines = (*self._first, *commands)
        try:
            output = self._program.ask(
                "".join(f"{line}\n" for line in lines),
                # The end first: an answer about thousands of connections comes in many pieces.
                lambda text: text.endswith(_PROMPT) and text.count(_PROMPT) >= len(lines),
            )
        except SessionLost as error:
            raise NotReady("HAProxy does not answer", detail=error.detail) from error
        answers = output.split(_PROMPT)[len(self._first) : -1]
        self._first = ()
        return answers

    def close(self) -> None:
        self._program.close()


def ask_in(shell: ExecShell, *commands: str) -> list[str]:
    """The answer to each command, which the shell sends: it does nothing any more once another command
    has ended the shell to take the lock. It costs some milliseconds."""
    lines = " ".join(map(quote, (_INTERACTIVE, *commands, "quit")))
    output = shell.run(f"printf '%s\\n' {lines} | socat -t30 - UNIX-CONNECT:{SOCKET} || :")
    # Before the first prompt is the answer to `prompt`; some versions answer `quit` too.
    answers = output.split(_PROMPT)[1 : 1 + len(commands)]
    if output.count(_PROMPT) <= len(commands):
        raise NotReady("HAProxy does not answer", detail=output.strip())
    return answers
