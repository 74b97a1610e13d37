"""A command that stops itself (SIGSTOP) right before one of its acts: ``python -m testkit.stopping
NUMBER WORD…``.

An act is whatever leaves this process: a request to the engine, a script for the shell in the proxy's
container, a command for HAProxy, a new process. A later SIGCONT lets it go on, as a laptop does that
was asleep.
"""

from __future__ import annotations

import os
import signal
import sys
from itertools import count
from threading import current_thread, main_thread

from compose_bluegreen import __main__ as plugin
from compose_bluegreen.adapters.system.exec_stream import ExecStream

_EVENTS = ("subprocess.Popen", "http.client.send")


def stop_before(number: int) -> None:
    """Acts of other threads do not count: when they come is a matter of time."""
    numbers = count(1)

    def acts() -> None:
        if current_thread() is main_thread() and next(numbers) == number:
            os.kill(os.getpid(), signal.SIGSTOP)

    def audit(event: str, _: tuple[object, ...]) -> None:
        if event in _EVENTS:
            acts()

    send = ExecStream.send

    def counted_send(stream: ExecStream, data: bytes) -> None:
        acts()
        send(stream, data)

    sys.addaudithook(audit)
    ExecStream.send = counted_send  # type: ignore[method-assign,assignment]


if __name__ == "__main__":
    stop_before(int(sys.argv.pop(1)))
    sys.exit(plugin.main())
