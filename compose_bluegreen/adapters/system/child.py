"""Starts a program that must not outlive this command unnoticed. Run by its path, not imported:

    python child.py LOCK-FILE PARENT PROGRAM ARGUMENT...

The program has a session of its own, because a second Ctrl-C goes to every process of the terminal's
group, and an undo must survive it. It and all that it starts hold a shared lock on the file (none
for "") until they end. On Linux the program gets SIGTERM when the thread that started it ends, however that ends.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_NOT_FOUND = 127


def main(file: str, parent: str, *command: str) -> None:
    if os.getpgrp() != os.getpid():
        os.setsid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != int(parent):
            sys.exit(128 + signal.SIGTERM)  # it ended before the line above
    if file:
        lock = os.open(file, os.O_RDWR)
        fcntl.flock(lock, fcntl.LOCK_SH)
        os.set_inheritable(lock, True)
    try:
        os.execvp(command[0], command)  # noqa: S606 - that is its purpose
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        sys.exit(_NOT_FOUND)


if __name__ == "__main__":
    main(*sys.argv[1:])
