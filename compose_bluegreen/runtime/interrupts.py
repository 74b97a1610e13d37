"""Interrupts: Ctrl-C, SIGTERM, a closed terminal and a killed ``docker`` raise ``Interrupted``.

It is raised once, in the main thread. After it and from the next ``shielded`` block on, further
interrupts are only reported, because an undo must run to its end.

Signals belong to the process, so only the CLI's main calls ``listen``. Python handles signals in the
main thread only: in other threads ``shielded`` and ``put_off`` do nothing.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

from compose_bluegreen.domain.errors import Interrupted

SOCKET_VARIABLE = "DOCKER_CLI_PLUGIN_SOCKET"

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_SAME_INTERRUPT = 1.0
"""Seconds. A Ctrl-C arrives as a signal and as docker's closed socket: within this time it is one
interrupt.

A later interrupt is raised again if no ``shielded`` block began, because the first one got lost.
"""

Remark = Callable[[str], None]


@dataclass(slots=True)
class _State:
    raised_at: float | None = None
    undoing: bool = False
    shields: int = 0
    put_off: int = 0
    waiting: int | None = None
    remark: Remark | None = None


_state = _State()


def listen() -> None:
    """From this call on, an interrupt raises Interrupted. The main thread must call it."""
    for number in _SIGNALS:
        # nohup and background jobs ignore some of these signals on purpose.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _arrived)


def deafen() -> None:
    """Ignores further interrupts, at the end of the process, when there is nothing left to interrupt."""
    for number in _SIGNALS:
        if signal.getsignal(number) is _arrived:
            signal.signal(number, signal.SIG_IGN)


def watch_docker(address: str | None) -> None:
    """Interrupts this process when ``docker`` ends, because its socket closes then.

    ``docker`` does not forward a signal that only it received. ``address`` is the value of
    DOCKER_CLI_PLUGIN_SOCKET, in which ``@`` marks an abstract socket name.
    """
    if address:
        threading.Thread(target=_until_closed, args=(address,), name="docker", daemon=True).start()


@contextmanager
def shielded(remark: Remark | None = None) -> Iterator[None]:
    """Inside the block, an interrupt is only reported, by ``remark`` or on stderr."""
    if not _may_be_interrupted():
        yield
        return
    before, _state.remark = _state.remark, remark or _state.remark
    _state.shields += 1
    _state.undoing = _state.undoing or _state.raised_at is not None
    try:
        yield
    finally:
        _state.shields -= 1
        _state.remark = before


@contextmanager
def put_off() -> Iterator[None]:
    """Inside the block, an interrupt waits, so that a question and its answer are not separated."""
    if not _may_be_interrupted():
        yield
        return
    _state.put_off += 1
    try:
        yield
    finally:
        _state.put_off -= 1
        if _state.waiting and not _state.put_off:
            number, _state.waiting = _state.waiting, None
            _arrived(number, None)


def _may_be_interrupted() -> bool:
    return threading.current_thread() is threading.main_thread()


def _arrived(number: int, _frame: FrameType | None) -> None:
    if _state.put_off:
        _state.waiting = number
        return
    name = signal.Signals(number).name
    now = time.monotonic()
    if _state.shields or _state.undoing:
        _note(f"{name} received; the current work is completed first")
    elif _state.raised_at is None or now - _state.raised_at > _SAME_INTERRUPT:
        _state.raised_at = now
        raise Interrupted(f"interrupted by {name}")


def _note(text: str) -> None:
    # A handler can run in the middle of a write to the same stream; Python refuses a second write.
    with suppress(RuntimeError, OSError, ValueError):
        if _state.remark:
            _state.remark(text)
        else:
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()


def _until_closed(address: str) -> None:
    name = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        try:
            line.connect(name)
        except OSError:
            return  # an older docker, or a test: there is no socket to watch
        with suppress(OSError):
            while line.recv(1):
                pass
    main = threading.main_thread().ident
    # Only a signal to the main thread ends its wait for a child process.
    signal.pthread_kill(main, signal.SIGTERM) if main else os.kill(os.getpid(), signal.SIGTERM)
