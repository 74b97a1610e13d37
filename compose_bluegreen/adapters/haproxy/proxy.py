"""The Proxy and the Lock: HAProxy in a container beside the user's project."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from ipaddress import IPv4Network
from typing import Any, Protocol

from compose_bluegreen.adapters.haproxy import (
    container_spec,
    lock,
    map_files,
    preview_map,
    proxy_image,
)
from compose_bluegreen.adapters.haproxy.config import (
    STATE,
    address,
    backend,
    certificates_folder,
    map_text,
    read_map,
    render,
    server,
    template_digest,
)
from compose_bluegreen.adapters.haproxy.container_swap import Swap
from compose_bluegreen.adapters.haproxy.journal_volume import EngineJournal
from compose_bluegreen.adapters.haproxy.proxy_container import Box
from compose_bluegreen.adapters.haproxy.proxy_session import Connection
from compose_bluegreen.adapters.haproxy.runtime_api import Steering
from compose_bluegreen.adapters.haproxy.topology_document import TopologyDocument
from compose_bluegreen.adapters.system.certificates import NO_CERTIFICATES, Certificates
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import BluegreenError, LockLost, ProxyFailed
from compose_bluegreen.domain.hints import Action, Hint
from compose_bluegreen.domain.release import Model
from compose_bluegreen.domain.topology import (
    NO_ROUTE,
    CanaryWeight,
    Change,
    ColourBackend,
    Topology,
    TrafficSplit,
)
from compose_bluegreen.domain.traffic_stats import TrafficStats
from compose_bluegreen.ports.lock import LockOwner, SignalRequest
from compose_bluegreen.ports.proxy import NO_TRAFFIC, ServerHealth
from compose_bluegreen.ports.workloads import ColourAddresses


class Hands(Protocol):
    """What the proxy needs done by Compose."""

    def alone(self) -> AbstractContextManager[None]: ...

    def build_model(self, model: Model, *, renew: bool = False) -> None: ...

    def pull(self, reference: str) -> None: ...

    def bring_up(self, model: Model, *, start: bool = True) -> None: ...

    def take_down(self, model: Model) -> None: ...

    def start(self, containers: Sequence[str]) -> None: ...

    def remove(self, containers: Sequence[str]) -> None: ...


class HaproxyProxy:
    """``api`` is the docker SDK's low-level client (``engine.Client``): it looks, copies files and
    opens the shell."""

    def __init__(
        self, project: str, api: Any, hands: Hands, certificates: Certificates = NO_CERTIFICATES
    ) -> None:
        self._project = project
        self._hands = hands
        self._certificates = certificates
        self._box = Box(project, api)
        self._connection = Connection(project, api, self._box)
        self.journal = EngineJournal(self._box, self._connection)
        self._known: tuple[TopologyDocument, Topology] | None = None
        self._alone = False

    def warm_up(self) -> None:
        """Begins what the first look would wait for; a proxy that isn't there is no error."""
        if self._box.status() == "running":
            self._connection.open()

    def close(self) -> None:
        self._connection.close()

    def monitor_address(self) -> str | None:
        return self._box.monitor_address()

    def log(self, *, follow: bool, tail: int | None) -> Iterator[bytes]:
        """Of its container, as it comes. Raises ProxyFailed where there is none."""
        if self._box.status() is None:
            raise ProxyFailed(
                f"there is no proxy of {self._project}", hint=Hint(Action.UP, " makes one")
            )
        return self._box.log(follow=follow, tail=tail)

    # ── what it is configured for ────────────────────────────────────────────────────────────

    def topology(self) -> Topology | None:
        known = self._look_up()
        return known[1] if known else None

    def _look_up(self) -> tuple[TopologyDocument, Topology] | None:
        """The file on the volume, and the topology that it describes."""
        if self._known is None and (text := self._stored("topology.json")):
            document = TopologyDocument.parse(text, self._project)
            self._known = document, document.domain()
        return self._known

    def change_to(self, wanted: Topology) -> Change:
        known, state = self._look_up(), self._box.status()
        if known is None or state is None:
            return Change.CREATE
        stored, document = known[0], _document(wanted)
        container_of = stored.made_for(), self._box.made_for()
        if any(label not in (None, document.made_for()) for label in container_of):
            # One that doesn't run serves nobody, and holds no lock that could be asked for.
            return Change.RECREATE if state == "running" else Change.CREATE
        if state != "running":
            return Change.START
        return Change.NONE if stored.says_the_same_as(document) else Change.RELOAD

    @contextmanager
    def alone(self, wanted: Topology) -> Iterator[None]:
        if self._alone:
            yield
            return
        with self._hands.alone():
            image = self._box.image_id()
            if image is None:
                self._have_image(wanted)
            with self._box.alone(image or proxy_image.image(wanted)):
                self._alone = True
                try:
                    yield
                finally:
                    self._alone = False

    def apply(self, wanted: Topology, change: Change) -> float:
        if change is Change.NONE:
            return 0.0
        gap = 0.0
        if change is Change.CREATE:
            with self.alone(wanted):
                self._create(wanted)
        elif change is Change.START:
            files = self._drawn(wanted, self._subnet()) | self._map_if_missing(wanted)
            self._box.write(files | self._shown_still(wanted))
            self._write_beside(wanted)
            self._hands.start([self._box.name])
        else:
            gap = self._replace(wanted, change)
        self._known = None
        self._until_ready()
        return gap

    def renew_image(self, wanted: Topology) -> None:
        if wanted.settings.image:
            self._hands.pull(wanted.settings.image)
        else:
            self._hands.build_model(container_spec.model(wanted), renew=True)

    def remove(self) -> None:
        # The lock is held until its container has gone: nobody may come in between.
        self._hands.take_down(container_spec.model(Topology(self._project)))
        self._connection.forget()
        self._box.remove_link()
        self._known = None

    def networks(self) -> tuple[str, ...]:
        topology = self.topology()
        if topology is None:
            return ()
        own = container_spec.link(self._project), container_spec.front(self._project)
        return (*own, *topology.networks)

    def join(self, network: str) -> None:
        topology = self.topology() or Topology(self._project)
        self._box.join(network, topology.networks.get(network, ()))

    # ── traffic ──────────────────────────────────────────────────────────────────────────────

    def routes(self) -> dict[str, Colour | None]:
        return _live(self._flows())

    def routes_at_rest(self) -> dict[str, Colour | None]:
        return _live(self._flows_at_rest())

    def route_to(self, routes: Mapping[str, Colour | None]) -> None:
        self._hide(routes)
        flows = {name: TrafficSplit(colour) for name, colour in routes.items()}
        self._connection.steer(lambda steering: steering.direct(flows))

    def canary_weights(self) -> dict[str, CanaryWeight]:
        return {
            name: flow.canary_weight for name, flow in self._flows().items() if flow.canary_weight
        }

    def set_canary_weights(self, canary_weights: Mapping[str, CanaryWeight]) -> None:
        routes = self.routes()
        if missing := sorted(name for name in canary_weights if not routes.get(name)):
            raise ProxyFailed(f"nothing of {', '.join(missing)} is live that could share")
        flows = {name: TrafficSplit(routes[name], share) for name, share in canary_weights.items()}
        self._connection.steer(lambda steering: steering.direct(flows))

    def _flows(self) -> dict[str, TrafficSplit]:
        """From memory, where traffic goes by it; from the disk where HAProxy isn't running."""
        return self._connection.steer(Steering.flows) if self._runs() else self._flows_at_rest()

    def _flows_at_rest(self) -> dict[str, TrafficSplit]:
        return read_map(self._stored("route.map") or "")

    def show(self, service: str, colour: Colour) -> None:
        if self.routes().get(service) is colour:
            raise ProxyFailed(f"{service}-{colour} is live: there is nothing to preview")
        if service in preview_map.previewed(self.topology()):
            self._preview({**self.shown(), service: colour})

    def shown(self) -> dict[str, Colour]:
        known = preview_map.previewed(self.topology())
        if not known:
            return {}
        if self._runs():
            found = self._connection.ask(preview_map.on_disk)
        else:
            found = preview_map.read(self._stored(preview_map.FILE) or "")
        return {service: colour for service, colour in found.items() if service in known}

    def _hide(self, services: Collection[str], colour: Colour | None = None) -> None:
        """Of one colour, or whichever is shown."""
        before = self.shown()
        left = {
            service: shown
            for service, shown in before.items()
            if service not in services or colour not in (None, shown)
        }
        if left != before:
            self._preview(left)

    def _preview(self, shown: Mapping[str, Colour]) -> None:
        self._connection.steer(lambda steering: steering.preview(shown))

    def park(self, service: str, colour: Colour) -> None:
        self._hide([service], colour)
        target = self._target(service, colour)
        self._aim(service, colour, [("127.0.0.1", 1)] * len(target.address_offsets))

    def watch(self, service: str, colour: Colour) -> None:
        target = self._target(service, colour)
        self._aim(service, colour, [(seat, target.port) for seat in self._addresses(target)])

    def colour_addresses(self, service: str, colour: Colour) -> ColourAddresses:
        return ColourAddresses(
            container_spec.link(self._project), self._addresses(self._target(service, colour))
        )

    def health(self, service: str, colour: Colour) -> list[ServerHealth]:
        target = self._target(service, colour)
        if target.mode == NO_ROUTE:
            return [ServerHealth(seat, NO_TRAFFIC, "") for seat in self._addresses(target)]
        expected = [f"{seat}:{target.port}" for seat in self._addresses(target)]
        rows = self._connection.steer(
            lambda steering: steering.servers(backend(service, colour, target.port))
        )
        by_address = {row["addr"]: row for row in rows}
        return [
            ServerHealth(seat, row["status"], row["check_status"].lstrip("* "))
            if (row := by_address.get(seat))
            else ServerHealth(seat, "PARKED", "")
            for seat in expected
        ]

    def in_flight(self, service: str, colour: Colour) -> int:
        backends = self._backends(service, colour)
        if not backends:
            return 0
        return self._connection.steer(lambda steering: steering.in_flight(backends))

    def traffic_stats(self, service: str, colour: Colour) -> TrafficStats:
        backends = self._backends(service, colour)
        return self._connection.steer(lambda steering: steering.traffic_stats(backends))

    def long_lived(self, service: str, colour: Colour) -> int:
        backends = self._backends(service, colour)
        return self._connection.steer(lambda steering: steering.long_lived(backends))

    def hang_up(self, service: str, colour: Colour) -> None:
        replicas = len(self._target(service, colour).address_offsets)
        servers = [
            f"{name}/{server(number)}"
            for name in self._backends(service, colour)
            for number in range(1, replicas + 1)
        ]
        self._connection.steer(lambda steering: steering.hang_up(servers))

    # ── the lock ─────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def hold(self, holder: LockOwner) -> Iterator[None]:
        """Needs a running proxy, for the lock is in it."""
        with self._connection.hold(holder):
            self._known = None  # somebody else may have changed it since we looked
            self._connection.steer(Steering.settle)
            yield

    def assure(self) -> None:
        self._connection.assure()

    def owner(self) -> LockOwner | None:
        return self._connection.ask(lock.holder) if self._runs() else None

    @contextmanager
    def listen(self) -> Iterator[None]:
        self._connection.ask(lock.listen)
        try:
            yield
        finally:
            with suppress(ProxyFailed, LockLost):
                self._connection.ask(lock.listen_no_more)

    def requested_signal(self) -> SignalRequest | None:
        return self._connection.ask(lock.wished)

    def signal(self, requested_signal: SignalRequest) -> bool:
        return self._runs() and self._connection.ask(
            lambda shell: lock.wish(shell, requested_signal)
        )

    def release(self) -> LockOwner | None:
        return self._connection.ask(lock.release) if self._runs() else None

    # ── the container ────────────────────────────────────────────────────────────────────────

    def _create(self, wanted: Topology) -> None:
        if self._box.status() == "running":
            return  # somebody else made it since we looked
        model = container_spec.model(wanted)
        self._have_image(wanted)
        files = self._drawn(wanted, self._subnet())
        if self._box.status() is not None:
            self._hands.remove([self._box.name])
        self._bring_up(wanted, start=False)
        self._box.link_socket()
        kept = read_map(self._box.read("route.map") or "")
        new = {route.service: TrafficSplit(None) for route in wanted.routes}
        self._box.write({**files, **self._shown_still(wanted), "route.map": map_text(new | kept)})
        self._write_beside(wanted)
        try:
            self._hands.bring_up(model)
        except BluegreenError:
            with suppress(BluegreenError):
                self._take_back(served=any(flow.live for flow in kept.values()))
            raise

    def _take_back(self, *, served: bool) -> None:
        """What could not be started; where it has served before, its volume knows what."""
        if served:
            self._hands.remove([self._box.name])
        else:
            self.remove()

    def _replace(self, wanted: Topology, change: Change) -> float:
        makes_anew = self._box.status() != "running" or not self._box.has_front()
        if makes_anew or change is Change.RECREATE:
            self._have_image(wanted)
        files = self._drawn(wanted, self._subnet())
        if makes_anew:
            self._make_anew(wanted, files)
            return 0.0
        self._write_beside(wanted)
        before = self.topology()
        self._write_checked(wanted, files)
        try:
            if change is Change.RECREATE:
                return self._swap(wanted, before)
            self._connection.steer(Steering.reload)
        except BluegreenError:
            self._connection.shell().run(
                f"cd {STATE} && mv haproxy.cfg.old haproxy.cfg && mv topology.json.old topology.json"
            )
            raise
        return 0.0

    def _make_anew(self, wanted: Topology, files: dict[str, str]) -> None:
        """Where none runs, or it publishes nothing, nobody is served by it."""
        self._box.write(files | self._map_if_missing(wanted) | self._shown_still(wanted))
        self._box.link_socket()
        self._write_beside(wanted)
        self._hands.remove([self._box.name])
        self._bring_up(wanted)

    def _swap(self, wanted: Topology, before: Topology | None) -> float:
        swap = Swap(self._box, self._connection)
        self._box.make_journal()
        self._box.own_journal(proxy_image.image(wanted))
        self._box.link_socket()
        swap.prepare(wanted, self._hands.bring_up)
        old = [
            backend(route.service, colour, port)
            for route in (before.routes if before else ())
            for colour, target in route.targets
            for port in target.ports
        ]
        return swap.hand_over(wanted.networks, old)

    def _write_checked(self, wanted: Topology, files: Mapping[str, str]) -> None:
        """Only a configuration that HAProxy accepts takes the place of the one that serves."""
        new = {f"{name}.new": text for name, text in files.items()}
        self._box.write(new | self._shown_still(wanted))
        shell = self._connection.shell()
        before = self.topology() or wanted
        map_files.forget_certificates(
            shell, {one.settings.certificates for one in (before, wanted)}
        )
        if not shell.test(f"haproxy -c -q -f {STATE}/haproxy.cfg.new >{STATE}/check.log"):
            raise ProxyFailed(
                "HAProxy doesn't accept the configuration",
                detail=shell.run(f"haproxy -c -f {STATE}/haproxy.cfg.new || true").strip(),
                hint="look at proxy.snippets in the compose file; nothing was changed",
            )
        unrouted = {route.service: TrafficSplit(None) for route in wanted.routes}
        map_files.write_flows(shell, unrouted | map_files.flows(shell))
        shell.run(
            f"cd {STATE} && for f in haproxy.cfg topology.json; do"
            " cp $f $f.old && sync $f.new && mv $f.new $f; done && sync ."
        )

    def _bring_up(self, wanted: Topology, *, start: bool = True) -> None:
        """With room for history, whose owner is known once the image is."""
        self._box.make_journal()
        self._hands.bring_up(container_spec.model(wanted), start=start)
        self._box.own_journal(proxy_image.image(wanted))

    def _have_image(self, wanted: Topology) -> None:
        """A container that is created needs it; one that runs keeps its own."""
        image = proxy_image.image(wanted)
        if self._box.has_image(image):
            return
        if wanted.settings.image:
            self._hands.pull(image)
        else:
            self._hands.build_model(container_spec.model(wanted))

    def _until_ready(self) -> None:
        try:
            self._connection.steer(Steering.workers)
        except ProxyFailed as error:
            raise ProxyFailed(
                "the proxy doesn't come up",
                detail=self._box.log_tail(),
                hint=f"docker logs {self._box.name}",
            ) from error

    # ── looking ──────────────────────────────────────────────────────────────────────────────

    def _stored(self, file: str) -> str | None:
        if not self._runs():
            return self._box.read(file)
        path = f"{STATE}/{file}"
        look = f"[ ! -e {path} ] || {{ echo there; cat {path}; }}"
        found = self._connection.ask(lambda shell: shell.run(look))
        return found.removeprefix("there\n") if found else None

    def _runs(self) -> bool:
        """A shell that is open in it says so without the engine."""
        return self._connection.is_open or self._box.status() == "running"

    def _aim(self, service: str, colour: Colour, aims: list[tuple[str, int]]) -> None:
        """Never on the live colour: HAProxy would take its requests somewhere else."""
        if self._target(service, colour).mode == NO_ROUTE:
            return
        flow = self._flows().get(service, TrafficSplit(None))
        if colour in (flow.live, flow.live and flow.canary_weight and flow.live.other):
            raise ProxyFailed(f"{service}-{colour} is live and must not be moved")
        checked = backend(service, colour, self._target(service, colour).port)
        commands = [
            f"set server {checked}/{server(number)} {what}"
            for number, (host, port) in enumerate(aims, start=1)
            for what in (f"addr {host} port {port}", "health down")
        ]
        self._connection.steer(lambda steering: steering.tell(commands))

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
        subnet = self._box.subnet()
        if subnet is None:
            raise ProxyFailed("the network of the proxy is gone", hint=Hint(Action.STATUS))
        return tuple(address(subnet, slot) for slot in target.address_offsets)

    def _subnet(self) -> IPv4Network:
        return self._box.subnet() or self._box.make_link()

    def _drawn(self, wanted: Topology, subnet: IPv4Network) -> dict[str, str]:
        """The files on its volume that follow from a topology."""
        return {"haproxy.cfg": render(wanted, subnet), "topology.json": _document(wanted).text()}

    def _shown_still(self, wanted: Topology) -> dict[str, str]:
        """HAProxy doesn't start without it. What is shown is what was, where it could be before."""
        if not preview_map.previewed(wanted):
            return {}
        both = preview_map.previewed(wanted) & preview_map.previewed(self.topology())
        kept = preview_map.read(self._stored(preview_map.FILE) or "") if both else {}
        return {
            preview_map.FILE: preview_map.text({name: kept[name] for name in both & kept.keys()})
        }

    def _write_beside(self, wanted: Topology) -> None:
        """What the configuration refers to. What the present one refers to stays."""
        self._box.write_hosts(wanted)
        digest = wanted.settings.certificates
        if digest and digest == self._certificates.digest:
            folder = certificates_folder(digest)
            self._box.write_folder(folder, self._certificates.files)

    def _map_if_missing(self, wanted: Topology) -> dict[str, str]:
        """HAProxy doesn't start without it."""
        if self._box.read("route.map") is not None:
            return {}
        return {
            "route.map": map_text({route.service: TrafficSplit(None) for route in wanted.routes})
        }


def _live(flows: Mapping[str, TrafficSplit]) -> dict[str, Colour | None]:
    return {name: flow.live for name, flow in flows.items()}


def _document(topology: Topology) -> TopologyDocument:
    return TopologyDocument.of(topology, template_digest())
