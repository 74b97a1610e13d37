"""The fakes, as one command of several has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from compose_bluegreen.domain.errors import ComposeFailed, ProxyFailed
from compose_bluegreen.domain.topology import Change, Topology
from compose_bluegreen.ports.engine import Container
from testkit.fakes.proxy import FakeProxy
from testkit.fakes.workloads import FakeWorkloads
from testkit.simulation.faults import Weakness
from testkit.simulation.gate import Command
from testkit.simulation.lock import SimulatedLock
from testkit.simulation.machine import Machine, SimulatedWorld

_PATIENCE, _PAUSE = 60.0, 0.1


class Makers:
    """Who creates the proxy: a container's name excludes the others (``creation_lock.py``)."""

    def __init__(self) -> None:
        self.maker: Command | None = None


class CommandProxy(FakeProxy):
    """A reload goes through the shell that holds the lock; a new container of the proxy ends every
    shell in the old one, and an awake holder takes the lock back."""

    def __init__(
        self, machine: Machine, lock: SimulatedLock, command: Command, makers: Makers
    ) -> None:
        super().__init__(machine.world)
        self._machine = machine
        self._lock = lock
        self._command = command
        self._makers = makers

    @contextmanager
    def alone(self, wanted: Topology) -> Iterator[None]:
        makers, began = self._makers, self._world.time
        while makers.maker not in (None, self._command) and not _is_dead(makers.maker):
            if self._world.time - began > _PATIENCE:
                raise ProxyFailed("another command has been creating this proxy for over 60 s")
            self._world.wait(_PAUSE)
        mine, makers.maker = makers.maker is self._command, self._command
        try:
            yield
        finally:
            if not mine and makers.maker is self._command:
                makers.maker = None

    def apply(self, wanted: Topology, change: Change) -> float:
        if change in (Change.RELOAD, Change.RECREATE) and self._world.proxy_runs():
            self._lock.fence()
        if change is Change.CREATE and self._world.proxy_runs():
            return 0.0  # another command created it meanwhile
        gap = super().apply(wanted, change)
        if change in (Change.RECREATE, Change.CREATE, Change.START):
            self._machine.lock.restarted(keeps=not self._holder_is_frozen())
        return gap

    def remove(self) -> None:
        self._lock.assure()
        super().remove()
        self._machine.lock.removed()
        session = self._command.session
        session.token = session.held = None

    def _holder_is_frozen(self) -> bool:
        return self._machine.lock.shell is None


class CommandWorkloads(FakeWorkloads):
    """``builds`` is what the sources of this command's user give."""

    def __init__(
        self, world: SimulatedWorld, builds: Mapping[str, str], weaknesses: frozenset[Weakness]
    ) -> None:
        super().__init__(world)
        self._builds = builds
        self._by_name = Weakness.ACTS_BY_NAME in weaknesses

    def build(self, services: Sequence[str]) -> None:
        for service in services:
            own = self._world.config["services"][service]
            image = self._builds.get(service)
            if image is None:
                raise ComposeFailed(f"docker compose build {service} failed")
            self._world.names[own["image"]] = image

    def remove(self, containers: Sequence[Container], *, keep_volumes: bool = False) -> None:
        if self._by_name:
            self._world.vanish([one.name for one in containers])
        else:
            super().remove(containers, keep_volumes=keep_volumes)

    def stop(self, containers: Sequence[Container]) -> None:
        if not self._by_name:
            super().stop(containers)
            return
        for container in containers:
            if box := self._world.boxes.get(container.name):
                box.started = None


def _is_dead(command: Command | None) -> bool:
    return command is not None and command.dead
