"""HAProxy of another image takes over from the HAProxy that serves, without downtime.

Docker fixes a container's image at its creation, and only one container can publish a port. So the
proxy's own container stays, with the network, the ports and the lock, and the other HAProxy runs in a
container beside it, in the same network. It gets the listening sockets from its predecessor and
tells it to finish. ``serve.sh`` is what both run.

Several may be there for a moment, each with a number; of those that answer, the highest serves.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import docker.errors

from compose_bluegreen.adapters.haproxy import container_spec, master_socket
from compose_bluegreen.adapters.haproxy.proxy_container import ProxyContainer
from compose_bluegreen.adapters.haproxy.proxy_session import ProxySession
from compose_bluegreen.adapters.haproxy.runtime_api import RuntimeApi
from compose_bluegreen.domain.errors import BluegreenError, ProxyFailed
from compose_bluegreen.domain.hints import Action, Hint
from compose_bluegreen.domain.names import LABEL
from compose_bluegreen.domain.release import Model
from compose_bluegreen.domain.topology import Topology

_READY = 20.0
"""Seconds in which it must accept connections."""

_IDLE = 80.0
"""Seconds after which no idle connection is left: ``timeout http-keep-alive`` and a little more."""

_FINISH = 600.0
"""Seconds for requests that are under way."""

_PAUSE = 0.1


@dataclass(frozen=True, slots=True)
class Beside:
    """A container with another HAProxy. ``image`` is the reference that it was created with."""

    id: str
    number: int
    image: str
    image_id: str
    running: bool


class Handover:
    """``api`` is the docker SDK's low-level client (``engine.Client``)."""

    def __init__(
        self, project: str, api: Any, container: ProxyContainer, session: ProxySession
    ) -> None:
        self._project = project
        self._api = api
        self._container = container
        self._session = session

    def beside(self) -> list[Beside]:
        """In the order of their numbers: the last of those that run serves."""
        labels = [f"{LABEL}.project={self._project}", f"{LABEL}.role={container_spec.BESIDE}"]
        listed = self._api.containers(all=True, filters={"label": labels})
        ours = [each for each in listed if container_spec.NUMBER_LABEL in each["Labels"]]
        return sorted(map(_beside, ours), key=lambda each: each.number)

    def take_over(
        self, desired: Topology, backends: Iterable[str], bring_up: Callable[[Model], None]
    ) -> None:
        """Returns when the old one has ended. If the new one does not start, the old one serves on."""
        number = max((each.number for each in self.beside()), default=0) + 1
        try:
            bring_up(container_spec.beside(desired, number))
            self._await(number)
        except BaseException:
            self._session.close()
            self.remove(above=number - 1)
            raise
        self.finish(number, backends)

    def finish(self, number: int, backends: Iterable[str]) -> None:
        """Ends every HAProxy but this one, when its connections have ended. Connections without an end
        of their own are closed after all others."""
        try:
            self._until_finished(number, tuple(backends), time.monotonic())
        finally:
            self._kill_before(number)
            self.remove(below=number)

    def settle(self) -> None:
        """Where a command was killed in the middle, what it left of the old one ends."""
        if not self._session.ask(master_socket.has_successors):
            return
        answering = self._answering()
        if len(answering) > 1:
            self.finish(answering[-1], ())

    def remove(self, *, below: float = float("inf"), above: int = 0) -> None:
        for each in self.beside():
            if above < each.number < below:
                with suppress(docker.errors.NotFound):
                    self._api.remove_container(each.id, force=True, v=True)

    def _await(self, number: int) -> None:
        deadline = time.monotonic() + _READY
        while number not in self._answering():
            state = self._api.inspect_container(self._name(number))["State"]["Status"]
            if state == "exited" or time.monotonic() > deadline:
                raise ProxyFailed(
                    "the new HAProxy does not start, and the old one still serves",
                    detail=self._api.logs(self._name(number), tail=15).decode(errors="replace"),
                    hint=Hint(Action.STATUS),
                )
            time.sleep(_PAUSE)
        self._session.close_socket()
        self._session.haproxy(RuntimeApi.workers)

    def _until_finished(self, number: int, backends: tuple[str, ...], began: float) -> None:
        while (answering := self._answering()) != [number]:
            if number not in answering:
                raise ProxyFailed("the new HAProxy has ended", hint=Hint(Action.STATUS))
            waited = time.monotonic() - began
            if waited > _FINISH or (waited > _IDLE and not self._has_requests(number, backends)):
                return
            time.sleep(_PAUSE)

    def _has_requests(self, number: int, backends: tuple[str, ...]) -> bool:
        """Of an old one: requests that will end by themselves."""
        with suppress(BluegreenError):
            return any(
                old.in_flight(backends) > old.long_lived(backends) for old in self._before(number)
            )
        return False

    def _kill_before(self, number: int) -> None:
        for old in self._before(number):
            with suppress(BluegreenError):
                self._container.kill_processes(old.processes())

    def _before(self, number: int) -> Iterator[RuntimeApi]:
        for each in self._answering():
            if each < number:
                with self._session.haproxy_in(self._container.name, each) as old:
                    yield old

    def _answering(self) -> list[int]:
        """Numbers of those that accept commands."""
        return self._session.ask(master_socket.answering)

    def _name(self, number: int) -> str:
        return container_spec.beside_name(self._project, number)


def _beside(listed: dict[str, Any]) -> Beside:
    labels = listed["Labels"]
    return Beside(
        listed["Id"],
        int(labels[container_spec.NUMBER_LABEL]),
        labels[container_spec.IMAGE_LABEL],
        listed["ImageID"],
        listed["State"] == "running",
    )
