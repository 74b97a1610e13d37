"""What the engine knows of history, asked by ``docker`` itself and in the background.

For commands that only look: the docker SDK takes 120 ms to import, and these processes run while
Python imports what reads the local file. No answer is an answer: history can be read without.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from compose_bluegreen.domain.names import companion

if TYPE_CHECKING:
    from compose_bluegreen.adapters.history.journal_files import Seen

PATIENCE = 10.0
"""Seconds that an engine may take to answer a command that only reads."""


class JournalReader:
    """The journal beside a project's proxy, running or stopped; asked for once."""

    def __init__(self, project: str) -> None:
        self._project = project
        self._asked = _docker("cp", f"{companion(project)}-proxy:/var/lib/bluegreen-history", "-")

    def look(self) -> Seen | None:
        return self.read()

    def read(self) -> Seen | None:
        packed = answer(self._asked)
        return _unpacked(packed) if packed else self._without_a_proxy()

    def _without_a_proxy(self) -> Seen | None:
        """After ``down``: the volume is still there. Slower, and rare."""
        from compose_bluegreen.adapters.compose.engine import connect  # noqa: PLC0415
        from compose_bluegreen.adapters.haproxy.proxy_container import ProxyContainer  # noqa: PLC0415

        packed = ProxyContainer(self._project, connect()).journal()
        return _unpacked(packed) if packed is not None else None


class IdentityReader:
    """The engine's own id."""

    def __init__(self) -> None:
        self._asked = _docker("info", "--format", "{{.ID}}")

    def read(self) -> str | None:
        """None where no engine answers."""
        return answer(self._asked).decode().strip() or None


def _unpacked(packed: bytes) -> Seen:
    from compose_bluegreen.adapters.history.journal_files import seen  # noqa: PLC0415 - 200 ms with it

    return seen(packed)


def answer(asked: subprocess.Popen[bytes] | None) -> bytes:
    """Nothing where it fails or takes too long."""
    if asked is None:
        return b""
    try:
        said, _ = asked.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        asked.kill()
        asked.communicate()
        return b""
    return b"" if asked.returncode else said


def _docker(*words: str) -> subprocess.Popen[bytes] | None:
    try:
        return subprocess.Popen(
            ["docker", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return None
