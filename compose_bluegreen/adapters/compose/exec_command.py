"""A command in a running container, with a deadline that ends it there too."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import docker.errors

from compose_bluegreen.adapters.system.exec_stream import ExecStream
from compose_bluegreen.domain.errors import EngineUnreachable

if TYPE_CHECKING:
    from compose_bluegreen.adapters.connection.client import Client

_MARK = "BLUEGREEN_COMMAND"
_POLL = 0.03
"""Seconds. A query of the engine costs one or two milliseconds."""

_KILL = (
    "for process in /proc/[0-9]*; do"
    ' if grep -q "$0" "$process/environ" 2>/dev/null; then kill -9 "${process#/proc/}"; fi; done'
)


def run_in(
    api: Client,
    container_id: str,
    command: Sequence[str],
    deadline: float,
    *,
    environment: Mapping[str, str] | None = None,
    goes_on: Callable[[], bool] = lambda: True,
) -> tuple[int | None, bytes]:
    """The exit code and the last output; None at the deadline (monotonic seconds), or where
    ``goes_on`` is False. Then the command is killed, with all that it started.

    The engine can't end such a command by itself. Each of its processes has a mark in its environment,
    by which a second command finds it: that needs ``sh`` and ``grep`` in the image. Where they are
    missing, the command continues until it ends or its container does.

    Raises ``docker.errors.NotFound`` where the container is gone.
    """
    mark = uuid.uuid4().hex
    own = {**(environment or {}), _MARK: mark}
    execution = api.exec_create(container_id, list(command), environment=own)["Id"]
    ended = False
    try:
        stream = ExecStream(api.exec_start(execution, socket=True))
        try:
            output = stream.read_to_end(deadline, lambda: goes_on() and _runs(api, execution))
        finally:
            stream.close()
        status: dict[str, Any] = api.exec_inspect(execution)
        while status["Running"] and goes_on() and time.monotonic() < deadline:
            time.sleep(_POLL)  # the stream can end before its command
            status = api.exec_inspect(execution)
        ended = not status["Running"]
    finally:
        if not ended:
            _kill(api, container_id, mark)
    return (int(status["ExitCode"]) if ended else None), output


def _runs(api: Client, execution: str) -> bool:
    return bool(api.exec_inspect(execution)["Running"])


def _kill(api: Client, container_id: str, mark: str) -> None:
    """As the user of the command: even root may not read the environment of another user there."""
    with suppress(docker.errors.NotFound, EngineUnreachable):
        command = ["sh", "-c", _KILL, mark]
        execution = api.exec_create(container_id, command)["Id"]
        api.exec_start(execution, detach=True)
