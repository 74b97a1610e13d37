"""What runs commands: in a container by Compose and the docker SDK, here as a process."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import docker.errors

from compose_bluegreen.adapters.compose.client import WhalesCompose
from compose_bluegreen.adapters.compose.exec_command import run_in
from compose_bluegreen.adapters.compose.specs import one_off_model
from compose_bluegreen.adapters.connection.client import Client
from compose_bluegreen.adapters.system.children import Children
from compose_bluegreen.adapters.system.hook_trust import Trust
from compose_bluegreen.adapters.system.private_files import Scratch
from compose_bluegreen.ports.engine import Container
from compose_bluegreen.ports.runner import CommandResult, OneOff
from compose_bluegreen.runtime.interrupts import shielded

_POLL = 0.03
"""Seconds. To ask the engine costs one or two milliseconds."""

_GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL for a command whose time is up."""

_LINES, _LETTERS = 30, 4000
_KEPT = 64 * 1024
"""Bytes, of which those are the end."""

_NOT_FOUND = 127


class HookRunner:
    """``folder`` is where commands of this host run."""

    def __init__(
        self,
        api: Client,
        compose: WhalesCompose,
        scratch: Scratch,
        trust: Trust,
        children: Children,
        folder: Path,
    ) -> None:
        self._api, self._compose, self._scratch = api, compose, scratch
        self._trust, self._children, self._folder = trust, children, folder

    def trust(self, words: Sequence[str]) -> None:
        self._trust.add(words)

    def trusts(self, words: Sequence[str]) -> bool:
        return words in self._trust

    def one_off(self, job: OneOff, timeout: timedelta) -> CommandResult:
        name = job.name
        # Not `run --detach`: that leaves its standard input open, and who reads it waits for ever.
        self._compose.start_model(one_off_model(job))
        deadline = time.monotonic() + timeout.total_seconds()
        while (code := self._ended(name)) is None and time.monotonic() < deadline:
            time.sleep(_POLL)
        try:
            output: bytes = self._api.logs(name, tail=_LINES)
        except docker.errors.NotFound:
            output = b"(its container is gone)"
        return CommandResult(code, _end_of(output))

    def inside(
        self,
        container: Container,
        words: Sequence[str],
        environment: Mapping[str, str],
        timeout: timedelta,
    ) -> CommandResult:
        deadline = time.monotonic() + timeout.total_seconds()
        try:
            code, output = run_in(self._api, container.id, words, deadline, environment=environment)
        except docker.errors.NotFound:
            return CommandResult(1, "the container is gone")
        return CommandResult(code, _end_of(output))

    def here(
        self, words: Sequence[str], environment: Mapping[str, str], timeout: timedelta
    ) -> CommandResult:
        with self._scratch.file("said") as file:
            with file.open("wb") as output, self._children.lock() as lock:
                try:
                    process = subprocess.Popen(
                        # UTF-8, as in the compose file: str would be encoded for the locale.
                        [word.encode() for word in words],
                        cwd=self._folder,
                        env=os.environb
                        | {key.encode(): environment[key].encode() for key in environment},
                        stdin=subprocess.DEVNULL,
                        stdout=output,
                        stderr=subprocess.STDOUT,
                        # Ctrl-C is ours to pass on: to it and to all that it started.
                        start_new_session=True,
                        pass_fds=(lock,),
                    )
                except OSError as error:
                    return CommandResult(_NOT_FOUND, f"{words[0]}: {error.strerror}")
            try:
                code = process.wait(timeout.total_seconds())
            except subprocess.TimeoutExpired:
                code = None
            finally:
                with shielded():
                    _end(process)
            return CommandResult(code, _end_of(_last_bytes(file)))

    def _ended(self, name: str) -> int | None:
        try:
            state = self._api.inspect_container(name)["State"]
        except docker.errors.NotFound:
            return 1
        return None if state["Status"] in {"created", "running"} else int(state["ExitCode"])


def _end(process: subprocess.Popen[bytes]) -> None:
    """It and what it started, if it hasn't ended."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)


def _last_bytes(file: Path) -> bytes:
    with file.open("rb") as output:
        output.seek(-min(_KEPT, file.stat().st_size), os.SEEK_END)
        return output.read(_KEPT)


def _end_of(output: bytes) -> str:
    lines = output.decode(errors="replace").strip().splitlines()[-_LINES:]
    return "\n".join(lines)[-_LETTERS:]
