"""Creates, starts, reloads, replaces and removes the proxy, by the means that a change needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import IPv4Network

from compose_bluegreen.adapters.haproxy import container_spec, proxy_image
from compose_bluegreen.adapters.haproxy.compose_runtime import ComposeRuntime
from compose_bluegreen.adapters.haproxy.config import backend
from compose_bluegreen.adapters.haproxy.container_swap import ContainerSwap
from compose_bluegreen.adapters.haproxy.handover import Handover
from compose_bluegreen.adapters.haproxy.link_network import LinkNetwork
from compose_bluegreen.adapters.haproxy.old_worker import idle_servers
from compose_bluegreen.adapters.haproxy.proxy_container import ProxyContainer
from compose_bluegreen.adapters.haproxy.proxy_files import ProxyFiles
from compose_bluegreen.adapters.haproxy.proxy_session import ProxySession
from compose_bluegreen.adapters.haproxy.runtime_api import RuntimeApi
from compose_bluegreen.domain.errors import BluegreenError, ProxyFailed
from compose_bluegreen.domain.topology import Change, Topology


class ContainerLifecycle:
    def __init__(
        self,
        runtime: ComposeRuntime,
        container: ProxyContainer,
        link: LinkNetwork,
        files: ProxyFiles,
        session: ProxySession,
        handover: Handover,
    ) -> None:
        self._runtime = runtime
        self._container = container
        self._link = link
        self._files = files
        self._session = session
        self._handover = handover
        self._alone = False

    @contextmanager
    def alone(self, desired: Topology) -> Iterator[None]:
        """No other command creates or starts this proxy, on any machine."""
        if self._alone:
            yield
            return
        with self._runtime.alone():
            image = self._container.image_id()
            if image is None:
                self._get_image(desired)
            with self._container.alone(image or proxy_image.image(desired)):
                self._alone = True
                try:
                    yield
                finally:
                    self._alone = False

    def apply(self, desired: Topology, change: Change) -> float:
        """Returns the downtime in seconds, when HAProxy answers."""
        gap = 0.0
        if change is Change.CREATE:
            with self.alone(desired):
                self._create(desired)
        elif change is Change.START:
            self._files.write(desired, self._subnet())
            self._runtime.start_proxy(self._container.name)
        elif self._container.status() != "running" or not self._container.has_front():
            self._create_again(desired)
        elif change is Change.RECREATE:
            gap = self._recreate(desired)
        elif change is Change.HAND_OVER:
            self._hand_over(desired)
        else:
            self._reload(desired)
        self._files.forget()
        self._wait_until_ready()
        return gap

    def renew_image(self, desired: Topology) -> None:
        self._pull_or_build(desired, renew=True)

    def remove(self, project: str) -> None:
        self._handover.remove()
        self._runtime.take_down(container_spec.model(Topology(project)))

    def _create(self, desired: Topology) -> None:
        if self._container.status() == "running":
            return  # another command created it meanwhile
        self._get_image(desired)
        subnet = self._subnet()
        if self._container.status() is not None:
            self._remove_container()
        self._bring_up(desired, start=False)
        self._container.own_volumes(proxy_image.image(desired))
        served = any(split.live for split in self._files.splits().values())
        self._files.write(desired, subnet)
        try:
            self._runtime.bring_up(container_spec.model(desired))
        except BluegreenError:
            with suppress(BluegreenError):
                self._undo_create(desired, served=served)
            raise

    def _undo_create(self, desired: Topology, *, served: bool) -> None:
        """Where the proxy has served before, its volume stays: it has the routes."""
        if served:
            self._remove_container()
        else:
            self.remove(desired.project)
            self._session.close()
            self._link.remove()

    def _create_again(self, desired: Topology) -> None:
        """Where the container does not run, or publishes nothing, it serves no request."""
        self._get_image(desired)
        self._container.create_journal()
        self._container.own_volumes(proxy_image.image(desired))
        self._files.write(desired, self._subnet())
        self._remove_container()
        self._bring_up(desired)

    def _remove_container(self) -> None:
        self._handover.remove()
        self._runtime.remove_proxy(self._container.name)

    def _reload(self, desired: Topology) -> None:
        before, subnet = self._files.topology() or desired, self._subnet()
        self._files.write_checked(desired, subnet)
        with self._restored_if_it_fails():
            self._session.haproxy(
                lambda haproxy: haproxy.reload(
                    idle_servers(before, desired, haproxy.splits(), subnet)
                )
            )

    def _recreate(self, desired: Topology) -> float:
        self._get_image(desired)
        before = self._files.topology()
        self._files.write_checked(desired, self._subnet())
        with self._restored_if_it_fails():
            return self._swap(desired, before)

    def _hand_over(self, desired: Topology) -> None:
        self._get_image(desired)
        backends = _backends(self._files.topology())
        self._files.write_checked(desired, self._subnet())
        with self._restored_if_it_fails():
            self._handover.take_over(desired, backends, self._runtime.bring_up)

    @contextmanager
    def _restored_if_it_fails(self) -> Iterator[None]:
        try:
            yield
        except BluegreenError:
            self._files.restore()
            raise

    def _swap(self, desired: Topology, before: Topology | None) -> float:
        swap = ContainerSwap(self._container, self._session, self._handover)
        self._container.create_journal()
        shared = not self._container.can_hand_over()
        self._container.own_volumes(proxy_image.image(desired), shared=shared)
        swap.prepare(desired, self._runtime.bring_up)
        gap = swap.hand_over(desired.networks, _backends(before))
        self._session.ask(lambda shell: shell.run(container_spec.CLOSE_VOLUMES))
        return gap

    def _bring_up(self, desired: Topology, *, start: bool = True) -> None:
        self._container.create_journal()
        self._runtime.bring_up(container_spec.model(desired), start=start)

    def _get_image(self, desired: Topology) -> None:
        """Only a new container needs it: one that runs keeps its own."""
        if not self._container.has_image(proxy_image.image(desired)):
            self._pull_or_build(desired)

    def _pull_or_build(self, desired: Topology, *, renew: bool = False) -> None:
        if desired.settings.image:
            self._runtime.pull(desired.settings.image)
        else:
            self._runtime.build_model(container_spec.model(desired), renew=renew)

    def _subnet(self) -> IPv4Network:
        return self._link.subnet() or self._link.create()

    def _wait_until_ready(self) -> None:
        try:
            self._session.haproxy(RuntimeApi.workers)
        except ProxyFailed as error:
            raise ProxyFailed(
                "the proxy does not start",
                detail=self._container.log_tail(),
                hint=f"docker logs {self._container.name}",
            ) from error


def _backends(topology: Topology | None) -> list[str]:
    return [
        backend(route.service, colour, port)
        for route in (topology.routes if topology else ())
        for colour, target in route.targets
        for port in target.ports
    ]
