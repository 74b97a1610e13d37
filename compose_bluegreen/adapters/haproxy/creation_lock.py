"""Who makes the proxy, before there is a proxy to hold a lock: one at a time, of all machines.

A container's name excludes others on the engine, and this one lives as long as its input does: it
ends with whoever made it, however that ended.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import docker.errors

from compose_bluegreen.adapters.haproxy.exec_shell import hang_up
from compose_bluegreen.domain.errors import EngineUnreachable, ProxyFailed

_PATIENCE = 60.0
"""Seconds. To make a proxy takes one or two, once its image is there."""

_STILLBORN = 10.0
"""Seconds after which one that was made and never started is taken for a dead maker's."""

_PAUSE = 0.1


@contextmanager
def alone(api: Any, name: str, image: str) -> Iterator[None]:
    """``image`` must be on the engine, and have a ``cat``. Raises ProxyFailed if somebody else
    takes too long."""
    made = _made(api, name, image)
    stream = api.attach_socket(made, params={"stdin": 1, "stdout": 1, "stream": 1})
    try:
        api.start(made)
        yield
    finally:
        hang_up(stream)
        with suppress(docker.errors.NotFound, EngineUnreachable):
            api.remove_container(made, force=True)


def _made(api: Any, name: str, image: str) -> str:
    began = time.monotonic()
    alone_in = api.create_host_config(auto_remove=True, network_mode="none")
    while True:
        try:
            made = api.create_container(
                image, [], entrypoint=["cat"], name=name, stdin_open=True, host_config=alone_in
            )
            return str(made["Id"])
        except EngineUnreachable as error:
            if "already in use" not in error.detail:
                raise
        waited = time.monotonic() - began
        if waited > _PATIENCE:
            raise ProxyFailed(
                "somebody else makes the proxy of this project, and doesn't come to an end",
                hint=f"docker rm -f {name}, if nobody does",
            )
        if waited > _STILLBORN:
            _clear_stillborn(api, name)
        time.sleep(_PAUSE)


def _clear_stillborn(api: Any, name: str) -> None:
    with suppress(docker.errors.NotFound, EngineUnreachable):
        if api.inspect_container(name)["State"]["Status"] != "running":
            api.remove_container(name, force=True)
