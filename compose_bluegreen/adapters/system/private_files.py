"""Where models lie on their way to Compose. They hold resolved secrets: no other user may read them,
and what a killed command left there goes with the next one."""

from __future__ import annotations

import errno
import fcntl
import os
import shlex
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from compose_bluegreen.domain.errors import BluegreenError, LockHeld
from compose_bluegreen.runtime.state_folder import make_private

_ROOM = 64 * 1024
"""Bytes; a model has some thousand."""


_PATIENCE = 300.0
"""Seconds. Another command that creates the proxy may build or pull its image first."""

_PAUSE = 0.02


class Scratch:
    """``root`` is in the user's state folder. Touched only when something is written.

    Raises BluegreenError where it can't be.
    """

    def __init__(self, root: Path, patience: float = _PATIENCE) -> None:
        """``patience`` in seconds limits each wait for another command."""
        self.root = root
        self._patience = patience
        self._own_folder: Path | None = None
        self._lock: int | None = None

    def prove(self) -> None:
        """That there is permission and room, before anything moves."""
        with self.file("room") as file, self._explained(), file.open("wb") as room:
            os.posix_fallocate(room.fileno(), 0, _ROOM)

    @contextmanager
    def file(self, name: str) -> Iterator[Path]:
        """A new, empty file of that name that only its owner can read; gone after."""
        with self._explained():
            folder = Path(tempfile.mkdtemp(dir=self._folder()))
            file = folder / name
            file.touch(mode=0o600)
        try:
            yield file
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def write(self, file: Path, text: str) -> None:
        with self._explained():
            file.write_text(text, encoding="utf-8")

    def lock_file(self, name: str) -> Path:
        """Of that name; it is there, and empty."""
        with self._explained():
            make_private(self.root)
            file = self.root / name
            file.touch(mode=0o600)
        return file

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """Inside, no other command of this user on this machine is inside by that name.

        Raises LockHeld where another one stays inside for long.
        """
        file = self.lock_file(f"{name}.lock")
        with self._explained():
            lock = os.open(file, os.O_RDWR | os.O_CLOEXEC)
        try:
            _exclusive(lock, file, self._patience)
            yield
        finally:
            os.close(lock)

    def close(self) -> None:
        if self._own_folder:
            shutil.rmtree(self._own_folder, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
        self._own_folder = self._lock = None

    def _folder(self) -> Path:
        """This command's own, held by a lock that ends with it, however it ends."""
        if self._own_folder is None:
            make_private(self.root)
            with _locked(self.root, self._patience):
                self._sweep()
                self._own_folder = Path(tempfile.mkdtemp(dir=self.root))
                self._lock = os.open(self._own_folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                _exclusive(self._lock, self._own_folder, self._patience)
        return self._own_folder

    def _sweep(self) -> None:
        for folder in self.root.iterdir():
            if folder.is_symlink() or not folder.is_dir():
                continue
            with suppress(OSError, LockHeld), _locked(folder, patience=0):
                shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            full = error.errno in {errno.ENOSPC, errno.EDQUOT}
            room = f"make room: df -h {shlex.quote(str(self.root.parent))}"
            raise BluegreenError(
                f"can't write to {self.root}: {error.strerror}",
                hint=room if full else "set XDG_STATE_HOME to a folder of yours",
            ) from error


def _exclusive(number: int, path: Path, patience: float) -> None:
    """Takes the lock on an open file. Raises LockHeld."""
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise LockHeld(
                    f"another command of yours has held {path} for {patience:g} s",
                    hint=f"end it; lsof {shlex.quote(str(path))} shows it",
                ) from None
            time.sleep(_PAUSE)
        else:
            return


@contextmanager
def _locked(folder: Path, patience: float) -> Iterator[None]:
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _exclusive(number, folder, patience)
        yield
    finally:
        os.close(number)
