"""The programs that commands start on this machine to change a project: ``docker`` and hooks.

A killed command (``kill -9``) can leave such a program behind, in the middle of its act. The next
command waits for its end: each of them holds a shared lock on a file until it ends.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from compose_bluegreen.adapters.system import child
from compose_bluegreen.adapters.system.private_files import Scratch
from compose_bluegreen.domain.errors import LockHeld

_PATIENCE = 60.0
"""Seconds. On Linux such a program gets SIGTERM with its command, and ends at once."""

_PAUSE = 0.1

_PROCESSES = Path("/proc")


class Children:
    """``engine`` returns the engine's id. ``remark`` reports that this command waits."""

    def __init__(
        self,
        scratch: Scratch,
        project: str,
        engine: Callable[[], str],
        remark: Callable[[str], None] = lambda _: None,
        patience: float = _PATIENCE,
    ) -> None:
        self._scratch, self._project, self._engine = scratch, project, engine
        self._remark, self._patience = remark, patience

    def launcher(self, *, changes: bool = True) -> list[str]:
        """The start of a command line that runs the rest of it, until this thread ends. The next
        command waits for what ``changes`` something."""
        file = str(self._file()) if changes else ""
        # A Ctrl-C goes to the terminal's group, and Python takes some milliseconds to leave it.
        own_session = ["setsid"] if shutil.which("setsid") else []
        return [*own_session, sys.executable, "-I", "-S", child.__file__, file, str(os.getpid())]

    @contextmanager
    def lock(self) -> Iterator[int]:
        """A file descriptor for a program to inherit, which the next command waits for."""
        number = os.open(self._file(), os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(number, fcntl.LOCK_SH)
            yield number
        finally:
            os.close(number)

    def wait_for_orphans(self) -> None:
        """Raises LockHeld where a program of an earlier command still runs after a minute."""
        number = os.open(self._file(), os.O_RDWR | os.O_CLOEXEC)
        deadline, reported = time.monotonic() + self._patience, False
        try:
            while not _taken(number):
                if time.monotonic() >= deadline:
                    raise self._still_run()
                if not reported:
                    error = self._still_run()
                    self._remark(f"waiting up to {self._patience:g} s: {error.message}")
                    reported = True
                time.sleep(_PAUSE)
        finally:
            os.close(number)

    def _file(self) -> Path:
        engine = hashlib.sha256(self._engine().encode()).hexdigest()[:12]
        return self._scratch.lock_file(f"{self._project}-{engine}.children")

    def _still_run(self) -> LockHeld:
        numbers = sorted(_holders(self._file()) - {os.getpid()})
        known = f" (process {', '.join(map(str, numbers))})" if numbers else ""
        end = f"kill {' '.join(map(str, numbers))}" if numbers else f"lsof {self._file()} shows it"
        return LockHeld(
            f"a program that a killed command started for {self._project} still runs{known}",
            hint=f"wait for its end, or end it: {end}",
        )


def _taken(number: int) -> bool:
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holders(file: Path) -> set[int]:
    """The processes of this user that have the file open. None where there is no ``/proc``."""
    wanted, found = str(file.resolve()), set()
    for link in _PROCESSES.glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if str(link.readlink()) == wanted:
                found.add(int(link.parts[2]))
    return found
