"""What the engine knows of history, asked by ``docker`` itself and in the background.

For commands that only look: the docker SDK takes 120 ms to import, and these processes run while
Python imports what reads the local file. No answer is an answer: history can be read without.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING

from compose_bluegreen.domain.names import JOURNAL_FOLDER, proxy_name

if TYPE_CHECKING:
    from compose_bluegreen.adapters.history.journal_files import Seen

PATIENCE = 10.0
"""Seconds that an engine may take to answer a command that only reads."""


class JournalReader:
    """The journal of a project, read once: from the proxy's container, running or stopped.

    ``read_volume`` reads the volume where there is no container. It is slower, and rarely called.
    """

    def __init__(self, project: str, read_volume: Callable[[], bytes | None]) -> None:
        self._read_volume = read_volume
        self._process = _docker("cp", f"{proxy_name(project)}:{JOURNAL_FOLDER}", "-")

    def look(self) -> Seen | None:
        return self.read()

    def read(self) -> Seen | None:
        packed = answer(self._process) or self._read_volume()
        return _unpacked(packed) if packed is not None else None


class IdentityReader:
    """The engine's own id."""

    def __init__(self) -> None:
        self._process = _docker("info", "--format", "{{.ID}}")

    def read(self) -> str | None:
        """None where no engine answers."""
        return answer(self._process).decode().strip() or None


def _unpacked(packed: bytes) -> Seen:
    from compose_bluegreen.adapters.history.journal_files import seen  # noqa: PLC0415 - 200 ms with it

    return seen(packed)


def answer(process: subprocess.Popen[bytes] | None) -> bytes:
    """Nothing where it fails or takes too long."""
    if process is None:
        return b""
    try:
        output, _ = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate(timeout=PATIENCE)
        return b""
    return b"" if process.returncode else output


def _docker(*arguments: str) -> subprocess.Popen[bytes] | None:
    try:
        return subprocess.Popen(
            ["docker", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return None
