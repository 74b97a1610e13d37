"""Ctrl-C, SIGTERM, a closed terminal and a killed ``docker``: each ends in one ``Interrupted``.

It is raised in the main thread, once. From the first shield after that on, further ones are only
remarked upon: what is being undone must be undone to its end.

Signals belong to the process, so only the CLI's main calls ``listen``. Python raises nothing in
another thread: there ``shielded`` and ``put_off`` do nothing, and change nothing for the main thread.
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

_ONE_MOMENT = 1.0
"""Seconds. A Ctrl-C comes as a signal and as docker's closed socket at once: it is one interrupt.

A later one is raised again as long as no shield went up, for then somebody swallowed the first.
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
    """From here on an interrupt raises Interrupted in the main thread, which must call this."""
    for number in _SIGNALS:
        # nohup and background jobs ignore some of these on purpose.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _arrived)


def deafen() -> None:
    """For the last moments of the process, when there is nothing left to interrupt."""
    for number in _SIGNALS:
        if signal.getsignal(number) is _arrived:
            signal.signal(number, signal.SIG_IGN)


def watch_docker(address: str | None) -> None:
    """``docker`` passes on no signal that only it got; but when it goes, its socket closes.

    ``address`` is the value of DOCKER_CLI_PLUGIN_SOCKET, where ``@`` stands for an abstract name.
    """
    if address:
        threading.Thread(target=_until_closed, args=(address,), name="docker", daemon=True).start()


@contextmanager
def shielded(remark: Remark | None = None) -> Iterator[None]:
    """Inside, an interrupt ends nothing: ``remark`` (else stderr) says that it was noted."""
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
    """Inside, an interrupt waits: for a question and its answer, which must not come apart."""
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
        _note(f"{name} noted; what was begun is being brought to its end first")
    elif _state.raised_at is None or now - _state.raised_at > _ONE_MOMENT:
        _state.raised_at = now
        raise Interrupted(f"interrupted by {name}")


def _note(text: str) -> None:
    # A handler may run in the middle of a write to the same stream, which Python then refuses.
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
            return  # an older docker, or a test: there is nobody to lose
        with suppress(OSError):
            while line.recv(1):
                pass
    main = threading.main_thread().ident
    # To the main thread by name: only there does a signal end a wait for a child process.
    signal.pthread_kill(main, signal.SIGTERM) if main else os.kill(os.getpid(), signal.SIGTERM)
