"""A new container replaces the old one, with the shortest downtime that Docker allows.

Docker fixes ports, networks' names and the image when it creates a container, and no two containers
can publish one port. So the new container is created, started and checked beside the old one, on the
internal network alone, where it publishes nothing. Only then the old one finishes its in-flight
requests and ends, and the new one joins the network through which it publishes. That takes a tenth of
a second, where a start takes a whole second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from compose_bluegreen.adapters.haproxy import container_spec
from compose_bluegreen.adapters.haproxy.handover import Handover
from compose_bluegreen.adapters.haproxy.proxy_container import ProxyContainer
from compose_bluegreen.adapters.haproxy.proxy_session import ProxySession
from compose_bluegreen.adapters.haproxy.runtime_api import RuntimeApi
from compose_bluegreen.domain.errors import BluegreenError
from compose_bluegreen.domain.release import Model
from compose_bluegreen.domain.topology import Topology

_FINISH = 1.0
"""Seconds for in-flight requests. No new request is answered meanwhile."""

_PAUSE = 0.02


class ContainerSwap:
    def __init__(
        self, container: ProxyContainer, session: ProxySession, handover: Handover
    ) -> None:
        self._container = container
        self._session = session
        self._handover = handover

    def prepare(self, desired: Topology, bring_up: Callable[[Model], None]) -> None:
        """Starts the new container; from then on this command controls it and holds the lock in it.

        If that fails, the new container is removed again."""
        self._container.remove_successor()
        bring_up(container_spec.successor(desired, self._container.compose_service()))
        self._use(container_spec.successor_name(desired.project))
        try:
            self._session.haproxy(RuntimeApi.workers)
        except BaseException:
            self.take_back()
            raise

    def take_back(self) -> None:
        self._use(self._container.usual_name)
        self._container.remove_successor()

    def hand_over(self, networks: Mapping[str, tuple[str, ...]], backends: Iterable[str]) -> float:
        """Returns the downtime in seconds. If it fails, the old container is started again."""
        old, backends = self._container.usual_name, tuple(backends)
        with self._session.haproxy_in(old) as haproxy:
            with suppress(BluegreenError):
                haproxy.in_flight(backends)  # so that its connection is open before the downtime
            began = time.monotonic()
            try:
                self._container.signal(old, "SIGUSR1")
                with suppress(BluegreenError):
                    while time.monotonic() - began < _FINISH and haproxy.in_flight(backends):
                        time.sleep(_PAUSE)
                self._container.end(old)
                self._container.publish(networks)
                gap = time.monotonic() - began
            except BaseException:
                self._use(old)
                self._container.remove_successor()
                self._container.start(old)
                raise
        self._handover.remove()
        self._container.succeed()
        return gap

    def _use(self, name: str) -> None:
        self._session.close()
        self._container.name = name
