"""Where models lie on their way to Compose. They hold resolved secrets: no other user may read them,
and what a killed command left there goes with the next one."""

from __future__ import annotations

import errno
import fcntl
import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from compose_bluegreen.domain.errors import BluegreenError
from compose_bluegreen.runtime.state_folder import make_private

_ROOM = 64 * 1024
"""Bytes; a model has some thousand."""


class Scratch:
    """``root`` is in the user's state folder. Touched only when something is written.

    Raises BluegreenError where it can't be.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
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
        """Inside, no other command of this user on this machine is inside by that name."""
        with self._explained():
            lock = os.open(self.lock_file(f"{name}.lock"), os.O_RDWR | os.O_CLOEXEC)
            fcntl.flock(lock, fcntl.LOCK_EX)
        try:
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
            with _locked(self.root):
                self._sweep()
                self._own_folder = Path(tempfile.mkdtemp(dir=self.root))
                self._lock = os.open(self._own_folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                fcntl.flock(self._lock, fcntl.LOCK_EX)
        return self._own_folder

    def _sweep(self) -> None:
        for folder in self.root.iterdir():
            if folder.is_symlink() or not folder.is_dir():
                continue
            with suppress(OSError), _locked(folder, fcntl.LOCK_NB):
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


@contextmanager
def _locked(folder: Path, flags: int = 0) -> Iterator[None]:
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | flags)
        yield
    finally:
        os.close(number)
