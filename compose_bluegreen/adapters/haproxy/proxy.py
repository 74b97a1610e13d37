"""The proxy of a project: HAProxy in a container beside the user's project."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

from compose_bluegreen.adapters.haproxy import container_spec
from compose_bluegreen.adapters.haproxy.compose_runtime import ComposeRuntime
from compose_bluegreen.adapters.haproxy.config import backend, replica_address, server
from compose_bluegreen.adapters.haproxy.container_lifecycle import ContainerLifecycle
from compose_bluegreen.adapters.haproxy.handover import Handover
from compose_bluegreen.adapters.haproxy.journal_access import JournalAccess
from compose_bluegreen.adapters.haproxy.link_network import LinkNetwork
from compose_bluegreen.adapters.haproxy.lock import EngineLock
from compose_bluegreen.adapters.haproxy.map_files import previewed
from compose_bluegreen.adapters.haproxy.proxy_container import ProxyContainer
from compose_bluegreen.adapters.haproxy.proxy_files import ProxyFiles, document
from compose_bluegreen.adapters.haproxy.proxy_image import image, is_default
from compose_bluegreen.adapters.haproxy.proxy_session import ProxySession
from compose_bluegreen.adapters.haproxy.runtime_api import RuntimeApi
from compose_bluegreen.adapters.system.certificates import NO_CERTIFICATES, Certificates
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import ProxyFailed
from compose_bluegreen.domain.hints import Action, Hint
from compose_bluegreen.domain.topology import (
    NO_ROUTE,
    CanaryWeight,
    Change,
    ColourBackend,
    Topology,
    TrafficSplit,
)
from compose_bluegreen.domain.traffic_stats import TrafficStats
from compose_bluegreen.ports.proxy import NO_TRAFFIC, ServerHealth, ServingHaproxy
from compose_bluegreen.ports.workloads import ColourAddresses


class HaproxyProxy:
    """``api`` is the docker SDK's low-level client (``engine.Client``): it looks, copies files and
    opens the shell. ``lock`` and the journal are in the same container."""

    def __init__(
        self,
        project: str,
        api: Any,
        runtime: ComposeRuntime,
        certificates: Certificates = NO_CERTIFICATES,
    ) -> None:
        self._project = project
        self._runtime = runtime
        self._container = ProxyContainer(project, api)
        self._link = LinkNetwork(project, api)
        self._session = ProxySession(api, self._container)
        self._files = ProxyFiles(project, self._container, self._session, certificates)
        self._handover = Handover(project, api, self._container, self._session)
        self._lifecycle = ContainerLifecycle(
            runtime, self._container, self._link, self._files, self._session, self._handover
        )
        self.lock = EngineLock(project, self._session, self._took_the_lock)
        self.journal_access = JournalAccess(self._container, self._session)

    def warm_up(self) -> None:
        """Starts what the first question would wait for. Without a proxy it does nothing."""
        if self._container.status() == "running":
            self._session.open()

    def close(self) -> None:
        self._session.close()

    def monitor_address(self) -> str | None:
        return self._container.monitor_address()

    def log(self, *, follow: bool, tail: int | None) -> Iterator[bytes]:
        """Of the container, as it comes. Raises ProxyFailed where there is none."""
        if self._container.status() is None:
            raise ProxyFailed(
                f"there is no proxy of {self._project}", hint=Hint(Action.UP, " creates it")
            )
        return self._container.log(follow=follow, tail=tail)

    def _took_the_lock(self) -> None:
        self._runtime.wait_for_orphans()
        self._files.forget()  # another command may have changed them meanwhile
        self._handover.settle()
        self._session.haproxy(RuntimeApi.settle)

    # ── its configuration ────────────────────────────────────────────────────────────────────

    def topology(self) -> Topology | None:
        return self._files.topology()

    def change_to(self, desired: Topology) -> Change:
        stored, status = self._files.stored(), self._container.status()
        if stored is None or status is None:
            return Change.CREATE
        new, own = document(desired), self._container.created_from()
        labels = (None, new.made_for(None if is_default(own) else own))
        other_haproxy = self._needs_another_haproxy(desired)
        if (
            stored.made_for(None) != new.made_for(None)
            or self._container.made_for() not in labels
            or (other_haproxy and not self._container.can_hand_over())
        ):
            # A proxy that does not run serves no request, and holds no lock to ask for.
            return Change.RECREATE if status == "running" else Change.CREATE
        if status != "running":
            return Change.CREATE if other_haproxy else Change.START
        if other_haproxy:
            return Change.HAND_OVER
        return Change.NONE if stored.means_the_same_as(new) else Change.RELOAD

    def change_to_renew(self, desired: Topology) -> Change:
        if self.change_to(desired) is Change.RECREATE or not self._container.can_hand_over():
            return Change.RECREATE
        return Change.HAND_OVER

    def serving_haproxy(self) -> ServingHaproxy | None:
        image_id = self._container.image_id()
        if image_id is None:
            return None
        beside = self._handover.beside()
        running = [each for each in beside if each.running]
        reference = running[-1].image if running else self._container.created_from()
        return ServingHaproxy(
            version=self._session.haproxy(RuntimeApi.version) if self._session.runs() else "",
            image_id=running[-1].image_id if running else image_id,
            is_substitute=bool(beside) and not running,
            is_outdated=is_default(reference) and reference != image(Topology(self._project)),
            renewal=(Change.HAND_OVER if self._container.can_hand_over() else Change.RECREATE),
        )

    def _needs_another_haproxy(self, desired: Topology) -> bool:
        """Another image serves than the desired topology has. The default image of another version of
        this program serves on."""
        beside = self._handover.beside()
        serving = beside[-1].image if beside else self._container.created_from()
        own = desired.settings.image
        is_desired = serving == own if own else is_default(serving)
        return not is_desired or any(not each.running for each in beside)

    def alone(self, desired: Topology) -> AbstractContextManager[None]:
        return self._lifecycle.alone(desired)

    def apply(self, desired: Topology, change: Change) -> float:
        return 0.0 if change is Change.NONE else self._lifecycle.apply(desired, change)

    def renew_image(self, desired: Topology) -> None:
        self._lifecycle.renew_image(desired)

    def remove(self) -> None:
        self.lock.assure()
        # The lock is held until its container is gone: no other command may come in between.
        self._lifecycle.remove(self._project)
        self.lock.forget()
        self._link.remove()
        self._files.forget()

    def networks(self) -> tuple[str, ...]:
        topology = self.topology()
        if topology is None:
            return ()
        return (self._link.name, container_spec.front(self._project), *topology.networks)

    def join(self, network: str) -> None:
        topology = self.topology() or Topology(self._project)
        self._container.join(network, topology.networks.get(network, ()))

    # ── traffic ──────────────────────────────────────────────────────────────────────────────

    def routes(self) -> dict[str, Colour | None]:
        return _live(self._splits())

    def routes_at_rest(self) -> dict[str, Colour | None]:
        return _live(self._files.splits())

    def route_to(self, routes: Mapping[str, Colour | None]) -> None:
        self._hide(routes)
        flows = {name: TrafficSplit(colour) for name, colour in routes.items()}
        self._session.haproxy(lambda haproxy: haproxy.route(flows))

    def canary_weights(self) -> dict[str, CanaryWeight]:
        return {
            name: flow.canary_weight for name, flow in self._splits().items() if flow.canary_weight
        }

    def set_canary_weights(self, canary_weights: Mapping[str, CanaryWeight]) -> None:
        routes = self.routes()
        if missing := sorted(name for name in canary_weights if not routes.get(name)):
            raise ProxyFailed(f"nothing of {', '.join(missing)} is live that could share")
        flows = {name: TrafficSplit(routes[name], share) for name, share in canary_weights.items()}
        self._session.haproxy(lambda haproxy: haproxy.route(flows))

    def _splits(self) -> dict[str, TrafficSplit]:
        """From the memory of HAProxy, which routes by it; from the disk where it does not run."""
        if self._session.runs():
            return self._session.haproxy(RuntimeApi.splits)
        return self._files.splits()

    def show(self, service: str, colour: Colour) -> None:
        if self.routes().get(service) is colour:
            raise ProxyFailed(f"{service}-{colour} is live: there is nothing to preview")
        if service in previewed(self.topology()):
            self._preview({**self.shown(), service: colour})

    def shown(self) -> dict[str, Colour]:
        known = previewed(self.topology())
        shown = self._files.shown() if known else {}
        return {service: colour for service, colour in shown.items() if service in known}

    def _hide(self, services: Collection[str], colour: Colour | None = None) -> None:
        """Ends the previews of these services, of one colour or of both."""
        before = self.shown()
        kept = {
            service: shown
            for service, shown in before.items()
            if service not in services or colour not in (None, shown)
        }
        if kept != before:
            self._preview(kept)

    def _preview(self, shown: Mapping[str, Colour]) -> None:
        self._session.haproxy(lambda haproxy: haproxy.preview(shown))

    def park(self, service: str, colour: Colour) -> None:
        self._hide([service], colour)
        target = self._target(service, colour)
        self._set_servers(service, colour, [("127.0.0.1", 1)] * len(target.address_offsets))

    def watch(self, service: str, colour: Colour) -> None:
        target = self._target(service, colour)
        servers = [(address, target.port) for address in self._addresses(target)]
        self._set_servers(service, colour, servers)

    def colour_addresses(self, service: str, colour: Colour) -> ColourAddresses:
        return ColourAddresses(self._link.name, self._addresses(self._target(service, colour)))

    def health(self, service: str, colour: Colour) -> list[ServerHealth]:
        target = self._target(service, colour)
        addresses = self._addresses(target)
        if target.mode == NO_ROUTE:
            return [ServerHealth(address, NO_TRAFFIC, "") for address in addresses]
        expected = [f"{address}:{target.port}" for address in addresses]
        rows = self._session.haproxy(
            lambda haproxy: haproxy.servers(backend(service, colour, target.port))
        )
        by_address = {row["addr"]: row for row in rows}
        return [
            ServerHealth(address, row["status"], row["check_status"].lstrip("* "))
            if (row := by_address.get(address))
            else ServerHealth(address, "PARKED", "")
            for address in expected
        ]

    def in_flight(self, service: str, colour: Colour) -> int:
        backends = self._backends(service, colour)
        if not backends:
            return 0
        return self._session.haproxy(lambda haproxy: haproxy.in_flight(backends))

    def traffic_stats(self, service: str, colour: Colour) -> TrafficStats:
        backends = self._backends(service, colour)
        return self._session.haproxy(lambda haproxy: haproxy.traffic_stats(backends))

    def unanswered(self, service: str, colour: Colour) -> dict[str, timedelta]:
        backends = self._backends(service, colour)
        return self._session.haproxy(lambda haproxy: haproxy.unanswered(backends))

    def long_lived(self, service: str, colour: Colour) -> int:
        backends = self._backends(service, colour)
        return self._session.haproxy(lambda haproxy: haproxy.long_lived(backends))

    def hang_up(self, service: str, colour: Colour) -> None:
        replicas = len(self._target(service, colour).address_offsets)
        servers = [
            f"{name}/{server(number)}"
            for name in self._backends(service, colour)
            for number in range(1, replicas + 1)
        ]
        self._session.haproxy(lambda haproxy: haproxy.hang_up(servers))

    # ── looking ──────────────────────────────────────────────────────────────────────────────

    def _set_servers(self, service: str, colour: Colour, servers: list[tuple[str, int]]) -> None:
        """Never of the live colour: HAProxy would send its requests somewhere else."""
        target = self._target(service, colour)
        if target.mode == NO_ROUTE:
            return
        if self._splits().get(service, TrafficSplit(None)).uses(colour):
            raise ProxyFailed(f"{service}-{colour} is live and must not be moved")
        checked = backend(service, colour, target.port)
        commands = [
            command.format(f"{checked}/{server(number)}")
            for number, (host, port) in enumerate(servers, start=1)
            for command in (
                f"set server {{}} addr {host} port {port}",
                "enable health {}",  # a command that died before its reload left them off
                "set server {} health down",
            )
        ]
        self._session.haproxy(lambda haproxy: haproxy.send(commands))

    def _backends(self, service: str, colour: Colour) -> list[str]:
        ports = self._target(service, colour).ports
        return [backend(service, colour, port) for port in ports]

    def _target(self, service: str, colour: Colour) -> ColourBackend:
        topology = self.topology()
        route = topology.route(service) if topology else None
        target = route.target(colour) if route else None
        if target is None:
            raise ProxyFailed(
                f"the proxy doesn't know {service}-{colour}", hint=Hint(Action.STATUS)
            )
        return target

    def _addresses(self, target: ColourBackend) -> tuple[str, ...]:
        subnet = self._link.subnet()
        if subnet is None:
            raise ProxyFailed("the network of the proxy is gone", hint=Hint(Action.STATUS))
        return tuple(replica_address(subnet, offset) for offset in target.address_offsets)


def _live(splits: Mapping[str, TrafficSplit]) -> dict[str, Colour | None]:
    return {service: split.live for service, split in splits.items()}
