"""One command at a time creates the proxy, of all machines, before there is a proxy to hold the lock.

The name of a container excludes other commands on the engine. This container lives as long as its
input: it ends with the command that created it, however that ended.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import docker.errors

from compose_bluegreen.adapters.system.exec_stream import ExecStream
from compose_bluegreen.domain.errors import EngineUnreachable, ProxyFailed

_PATIENCE = 60.0
"""Seconds. The creation of a proxy takes one or two, once its image is there."""

_STILLBORN = 10.0
"""Seconds after which the command that created a container and never started it counts as dead."""

_PAUSE = 0.1


@contextmanager
def alone(api: Any, name: str, image: str) -> Iterator[None]:
    """``image`` must be on the engine and have a ``cat``. Raises ProxyFailed if another command takes
    too long."""
    container = _created(api, name, image)
    attached = api.attach_socket(container, params={"stdin": 1, "stdout": 1, "stream": 1})
    stream = ExecStream(attached)
    try:
        api.start(container)
        yield
    finally:
        stream.close()
        with suppress(docker.errors.NotFound, EngineUnreachable):
            api.remove_container(container, force=True)


def _created(api: Any, name: str, image: str) -> str:
    began = time.monotonic()
    apart = api.create_host_config(auto_remove=True, network_mode="none")
    while True:
        try:
            created = api.create_container(
                image, [], entrypoint=["cat"], name=name, stdin_open=True, host_config=apart
            )
            return str(created["Id"])
        except EngineUnreachable as error:
            if "already in use" not in error.detail:
                raise
        waited = time.monotonic() - began
        if waited > _PATIENCE:
            raise ProxyFailed(
                f"another command has been creating this project's proxy for over {_PATIENCE:.0f} s",
                hint=f"docker rm -f {name}, if no such command runs any more",
            )
        if waited > _STILLBORN:
            _clear_stillborn(api, name)
        time.sleep(_PAUSE)


def _clear_stillborn(api: Any, name: str) -> None:
    with suppress(docker.errors.NotFound, EngineUnreachable):
        if api.inspect_container(name)["State"]["Status"] != "running":
            api.remove_container(name, force=True)
