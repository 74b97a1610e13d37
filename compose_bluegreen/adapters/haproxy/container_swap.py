"""A new container takes the old one's place, with the shortest gap that Docker allows.

Docker fixes ports, networks' names and image when it makes a container, and no two can publish one
port. So the new one is made, started and proven beside the old one, on the internal network alone,
where it publishes nothing. Only then the old one finishes what it has in flight and ends, and the
new one joins the network by which it publishes: a tenth of a second, where its start takes a whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from compose_bluegreen.adapters.haproxy import container_spec
from compose_bluegreen.adapters.haproxy.proxy_container import Box
from compose_bluegreen.adapters.haproxy.proxy_session import Connection
from compose_bluegreen.adapters.haproxy.runtime_api import Steering
from compose_bluegreen.domain.errors import BluegreenError
from compose_bluegreen.domain.release import Model
from compose_bluegreen.domain.topology import Topology

_FINISH = 1.0
"""Seconds that what is in flight has. Nobody new is served meanwhile."""

_PAUSE = 0.02


class Swap:
    def __init__(self, box: Box, connection: Connection) -> None:
        self._box = box
        self._connection = connection

    def prepare(self, wanted: Topology, bring_up: Callable[[Model], None]) -> None:
        """The new one runs, and this command steers it, and holds the lock in it. Undone if not."""
        self._box.remove_successor()
        bring_up(container_spec.successor(wanted, self._box.compose_service()))
        self._aim_at(container_spec.successor_name(wanted.project))
        try:
            self._connection.steer(Steering.workers)
        except BaseException:
            self.take_back()
            raise

    def take_back(self) -> None:
        self._aim_at(self._box.usual_name)
        self._box.remove_successor()

    def hand_over(self, networks: Mapping[str, tuple[str, ...]], backends: Iterable[str]) -> float:
        """Seconds in which nobody answered. Where it fails, the old one is started again."""
        old, backends = self._box.usual_name, tuple(backends)
        with self._connection.steering(old) as steering:
            with suppress(BluegreenError):
                steering.in_flight(backends)  # so that it waits for no connection in the gap
            began = time.monotonic()
            try:
                self._box.signal(old, "SIGUSR1")
                with suppress(BluegreenError):
                    while time.monotonic() - began < _FINISH and steering.in_flight(backends):
                        time.sleep(_PAUSE)
                self._box.end(old)
                self._box.publish(networks)
                gap = time.monotonic() - began
            except BaseException:
                self._aim_at(old)
                self._box.remove_successor()
                self._box.start(old)
                raise
        self._box.succeed()
        return gap

    def _aim_at(self, name: str) -> None:
        self._connection.close()
        self._box.name = name
