"""HAProxy's master socket, through one connection that stays open: a command costs less than a
millisecond, where a ``socat`` for each command costs three."""

from __future__ import annotations

import re
from functools import partial
from shlex import quote
from typing import Any

from compose_bluegreen.adapters.haproxy.exec_shell import (
    ExecProgram,
    ExecShell,
    NotReady,
    SessionLost,
)

_FOLDER = "/dev/shm/bluegreen"  # noqa: S108 - of the proxy's containers alone
SOCKET = f"{_FOLDER}-master.sock"
"""Of HAProxy in the proxy's own container. Docker gives each container a writable folder there, whatever
its image and its root are."""

FIND_SOCKET = (
    f"at={SOCKET} top=0; for each in {_FOLDER}-[0-9]*.sock; do"
    f" n=${{each#{_FOLDER}-}} n=${{n%.sock}};"
    " case $n in *[!0-9]*) continue ;; esac;"
    ' if [ "$n" -gt "$top" ] && socat -u /dev/null UNIX-CONNECT:$each 2>/dev/null;'
    " then at=$each top=$n; fi; done"
)
"""Sets ``at`` to the socket of the HAProxy that serves: of all that answer, that with the highest
number, as in ``serve.sh``. HAProxy can write to the folder, so a name is only taken if it is a number."""

_TALK = "exec socat -t1 - UNIX-CONNECT:$at"

_ANSWERING = (
    f"for each in {SOCKET} {_FOLDER}-[0-9]*.sock; do"
    " if socat -u /dev/null UNIX-CONNECT:$each 2>/dev/null; then echo $each; fi; done"
)
_NUMBERED = re.compile(rf"{_FOLDER}-(\d+)\.sock")
_INTERACTIVE = "prompt"
_PROMPT = "master> "


class MasterSocket:
    """Raises NotReady where HAProxy does not answer (any more). Opening it waits for nothing."""

    def __init__(self, api: Any, container: str, user: str, number: int | None = None) -> None:
        """``number`` names a HAProxy; None is the HAProxy that serves."""
        find = FIND_SOCKET if number is None else f"at={_socket(number)}"
        command = ("sh", "-c", f"{find}; {_TALK}")
        self._open = partial(ExecProgram, api, container, user, command)
        self._first: tuple[str, ...] = (_INTERACTIVE,)
        self._program = self._open()

    def reopen(self) -> None:
        self.close()
        self._first = (_INTERACTIVE,)
        self._program = self._open()

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


def has_successors(shell: ExecShell) -> bool:
    """Whether another HAProxy has ever taken over since the proxy's container started; costs nothing."""
    return shell.test(f"set -- {_FOLDER}-[0-9]*.sock; [ -e $1 ]")


def answering(shell: ExecShell) -> list[int]:
    """The numbers of the HAProxies that accept commands, in order: the last one serves."""
    sockets = shell.run(_ANSWERING).split()
    numbers = [int(match[1]) for each in sockets if (match := _NUMBERED.fullmatch(each))]
    return sorted(numbers + [0] * sockets.count(SOCKET))


def _socket(number: int) -> str:
    return f"{_FOLDER}-{number}.sock" if number else SOCKET


def ask_in(shell: ExecShell, *commands: str) -> list[str]:
    """The answer to each command, which the shell sends: it does nothing any more once another command
    has ended the shell to take the lock. It costs some milliseconds."""
    lines = " ".join(map(quote, (_INTERACTIVE, *commands, "quit")))
    output = shell.run(
        f"{FIND_SOCKET}; printf '%s\\n' {lines} | socat -t30 - UNIX-CONNECT:$at || :"
    )
    # Before the first prompt is the answer to `prompt`; some versions answer `quit` too.
    answers = output.split(_PROMPT)[1 : 1 + len(commands)]
    if output.count(_PROMPT) <= len(commands):
        raise NotReady("HAProxy does not answer", detail=output.strip())
    return answers
