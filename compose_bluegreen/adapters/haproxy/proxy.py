"""The Proxy and the Lock: HAProxy in a container beside the user's project."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import datetime
from ipaddress import IPv4Network
from shlex import quote
from typing import Any, Protocol, TypeVar

import docker.errors
from pydantic import TypeAdapter, ValidationError

from compose_bluegreen.adapters.haproxy import container
from compose_bluegreen.adapters.haproxy.config import (
    STATE,
    address,
    backend,
    map_text,
    read_map,
    render,
    server,
    template_digest,
)
from compose_bluegreen.adapters.haproxy.session import Session, SessionLost
from compose_bluegreen.adapters.haproxy.steering import Steering
from compose_bluegreen.domain import Colour, Model
from compose_bluegreen.errors import BluegreenError, EngineUnreachable, LockHeld, ProxyFailed
from compose_bluegreen.ports import Holder, Seats, ServerHealth
from compose_bluegreen.routing import MONITOR_DOOR, Change, Target, Topology

_READY_SECONDS = 20.0
_T = TypeVar("_T")


class Hands(Protocol):
    """What the proxy needs done by Compose."""

    def build_model(self, model: Model) -> None: ...

    def bring_up(self, model: Model, *, start: bool = True, recreate: bool = False) -> None: ...

    def take_down(self, model: Model) -> None: ...

    def start(self, containers: Sequence[str]) -> None: ...

    def remove(self, containers: Sequence[str]) -> None: ...


class HaproxyProxy:
    """``api`` is the docker SDK's low-level client (``engine.Client``): it looks, copies files and
    opens the shell."""

    def __init__(self, project: str, api: Any, hands: Hands) -> None:
        self._project = project
        self._name = container.name(project)
        self._api = api
        self._hands = hands
        self._session: Session | None = None
        self._holder: Holder | None = None
        self._known: Topology | None = None

    def warm_up(self) -> None:
        """Begins what the first look would wait for; a proxy that isn't there is no error."""
        if self._status() == "running":
            self._shell()

    # ── what it is configured for ────────────────────────────────────────────────────────────

    def topology(self) -> Topology | None:
        if self._known is None:
            text = self._stored("topology.json")
            self._known = _topology(text) if text else None
        return self._known

    def change_to(self, wanted: Topology) -> Change:
        now, state = self.topology(), self._status()
        if now is None or state is None:
            return Change.CREATE
        if now.container != wanted.container:
            return Change.RECREATE
        if state != "running":
            return Change.START
        return (
            Change.NONE if self._written(wanted) == self._stored("topology.json") else Change.RELOAD
        )

    def apply(self, wanted: Topology, change: Change) -> None:
        if change is Change.NONE:
            return
        subnet = self._subnet() or self._free_subnet()
        files = {"haproxy.cfg": render(wanted, subnet), "topology.json": self._written(wanted)}
        if change is Change.CREATE:
            self._create(wanted, subnet, files)
        elif change is Change.START:
            self._put(files)
            self._hands.start([self._name])
        else:
            self._replace(wanted, subnet, files, change)
        self._known = wanted
        self._until_ready()

    def remove(self) -> None:
        self.close()
        nothing = Topology(self._project)
        self._hands.take_down(
            container.model(nothing, self._subnet() or IPv4Network("10.0.0.0/24"))
        )
        self._known = None

    # ── traffic ──────────────────────────────────────────────────────────────────────────────

    def routes(self) -> dict[str, Colour | None]:
        """From memory, where traffic goes by it; from the disk where HAProxy isn't running."""
        if self._status() == "running":
            return self._steer(Steering.routes)
        return read_map(self._stored("route.map") or "")

    def route_to(self, routes: Mapping[str, Colour | None]) -> None:
        def act(steering: Steering) -> None:
            whole = steering.routes_on_disk() | dict(routes)
            steering.write_routes(whole)
            steering.load_routes(whole)

        self._steer(act)

    def park(self, service: str, colour: Colour) -> None:
        target = self._target(service, colour)
        self._aim(service, colour, [("127.0.0.1", 1)] * len(target.slots))

    def watch(self, service: str, colour: Colour) -> None:
        target = self._target(service, colour)
        self._aim(service, colour, [(seat, target.port) for seat in self._addresses(target)])

    def seats(self, service: str, colour: Colour) -> Seats:
        return Seats(container.link(self._project), self._addresses(self._target(service, colour)))

    def health(self, service: str, colour: Colour) -> list[ServerHealth]:
        target = self._target(service, colour)
        expected = [f"{seat}:{target.port}" for seat in self._addresses(target)]
        rows = self._steer(lambda steering: steering.servers(backend(service, colour, target.port)))
        by_address = {row["addr"]: row for row in rows}
        return [
            ServerHealth(seat, row["status"], row["check_status"].lstrip("* "))
            if (row := by_address.get(seat))
            else ServerHealth(seat, "PARKED", "")
            for seat in expected
        ]

    def in_flight(self, service: str, colour: Colour) -> int:
        target = self._target(service, colour)
        backends = [backend(service, colour, port) for port in target.ports]
        return self._steer(lambda steering: steering.in_flight(backends))

    def monitor_address(self) -> str | None:
        """``host:port`` of statistics and metrics."""
        found = self._inspect()
        ports = found["NetworkSettings"]["Ports"] or {} if found else {}
        bound = ports.get(f"{MONITOR_DOOR}/tcp") or []
        return f"{bound[0]['HostIp']}:{bound[0]['HostPort']}" if bound else None

    # ── the lock ─────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def hold(self, holder: Holder) -> Iterator[None]:
        """Needs a running proxy. Ends with the session: a holder that dies lets go."""
        self._lock(self._shell(), holder)
        self._holder, self._known = holder, None
        try:
            self._settle()
            yield
        finally:
            self._holder = None
            with suppress(ProxyFailed):
                self._shell().run(f"flock -u 9; exec 9>&-; rm -f {STATE}/lock.holder")

    def close(self) -> None:
        if self._session:
            self._session.close()
        self._session = None

    def _lock(self, shell: Session, holder: Holder) -> None:
        shell.run(f"exec 9>>{STATE}/lock")
        if not shell.test("flock -n 9"):
            said = shell.run(f"cat {STATE}/lock.holder 2>/dev/null || true")
            raise LockHeld(
                f"another deployment of {self._project} is under way: {_who(said)}",
                hint="wait for it and run the command again; docker bluegreen history shows it",
            )
        words = {"actor": holder.actor, "what": holder.what, "since": holder.since.isoformat()}
        shell.run(f"printf %s {quote(json.dumps(words))} > {STATE}/lock.holder")

    def _settle(self) -> None:
        """Somebody died between disk and memory: what serves goes on, after a restart too."""
        steering = Steering(self._shell())
        routes = steering.routes()
        if routes != steering.routes_on_disk():
            steering.write_routes(routes)

    # ── the container ────────────────────────────────────────────────────────────────────────

    def _create(self, wanted: Topology, subnet: IPv4Network, files: Mapping[str, str]) -> None:
        model = container.model(wanted, subnet)
        self._have_image(wanted, model)
        self._hands.bring_up(model, start=False)
        kept = read_map(self._file("route.map") or "")
        routes = {route.service: kept.get(route.service) for route in wanted.routes}
        self._put({**files, "route.map": map_text(kept | routes)})
        try:
            self._hands.bring_up(model)
        except BluegreenError:
            self._hands.remove([self._name])
            raise

    def _replace(
        self, wanted: Topology, subnet: IPv4Network, files: Mapping[str, str], change: Change
    ) -> None:
        model = container.model(wanted, subnet)
        self._have_image(wanted, model)
        running = self._status() == "running"
        if running:
            self._write_checked(wanted, files)
        else:
            self._put(files)
        if change is Change.RECREATE:
            self.close()
            self._hands.bring_up(model, recreate=True)
        elif running:
            try:
                self._steer(Steering.reload)
            except ProxyFailed:
                self._shell().run(
                    f"cd {STATE} && mv haproxy.cfg.old haproxy.cfg && mv topology.json.old topology.json"
                )
                raise

    def _write_checked(self, wanted: Topology, files: Mapping[str, str]) -> None:
        """Only a configuration that HAProxy accepts takes the place of the one that serves."""
        self._put({f"{name}.new": text for name, text in files.items()})
        shell = self._shell()
        if not shell.test(f"haproxy -c -q -f {STATE}/haproxy.cfg.new >{STATE}/check.log"):
            raise ProxyFailed(
                "HAProxy doesn't accept the configuration",
                detail=shell.run(f"haproxy -c -f {STATE}/haproxy.cfg.new || true").strip(),
                hint="look at proxy.snippets in the compose file; nothing was changed",
            )
        steering = Steering(shell)
        known = steering.routes_on_disk()
        steering.write_routes({route.service: None for route in wanted.routes} | known)
        shell.run(
            f"cd {STATE} && for f in haproxy.cfg topology.json; do"
            " cp $f $f.old && sync $f.new && mv $f.new $f; done && sync ."
        )

    def _have_image(self, wanted: Topology, model: Model) -> None:
        if wanted.settings.image is None and not self._has_image(container.image(wanted)):
            self._hands.build_model(model)

    def _has_image(self, reference: str) -> bool:
        try:
            self._api.inspect_image(reference)
        except docker.errors.NotFound:
            return False
        return True

    def _until_ready(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            try:
                self._steer(Steering.workers)
            except ProxyFailed as error:
                found = self._inspect()
                crashed = found is not None and (
                    found["RestartCount"] > 2 or found["State"]["Status"] == "exited"
                )
                if crashed or time.monotonic() > deadline:
                    raise ProxyFailed(
                        "the proxy doesn't come up",
                        detail=self._api.logs(self._name, tail=15).decode(errors="replace"),
                        hint=f"docker logs {self._name}",
                    ) from error
                time.sleep(0.02)
            else:
                return

    # ── looking ──────────────────────────────────────────────────────────────────────────────

    def _inspect(self) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._api.inspect_container(self._name)
        except docker.errors.NotFound:
            return None
        return found

    def _status(self) -> str | None:
        found = self._inspect()
        return str(found["State"]["Status"]) if found else None

    def _stored(self, file: str) -> str | None:
        status = self._status()
        if status == "running":
            shell = self._shell()
            return (
                shell.run(f"cat {STATE}/{file}") if shell.test(f"test -e {STATE}/{file}") else None
            )
        return self._file(file) if status else self._from_volume(file)

    def _file(self, file: str, where: str | None = None) -> str | None:
        try:
            chunks, _ = self._api.get_archive(where or self._name, f"{STATE}/{file}")
        except docker.errors.NotFound:
            return None
        return container.unpack(chunks)

    def _from_volume(self, file: str) -> str | None:
        """Somebody removed the container: its volume still knows every seat and route."""
        volume = container.volume(self._project)
        images = self._api.images(name="compose-bluegreen/haproxy", quiet=True)
        try:
            self._api.inspect_volume(volume)
        except docker.errors.NotFound:
            return None
        if not images:
            return None
        config = self._api.create_host_config(binds=[f"{volume}:{STATE}"])
        reader = self._api.create_container(images[0], host_config=config)["Id"]
        try:
            return self._file(file, reader)
        finally:
            self._api.remove_container(reader)

    def _put(self, files: Mapping[str, str]) -> None:
        self._api.put_archive(self._name, STATE, container.archive(files))

    def _subnet(self) -> IPv4Network | None:
        try:
            network = self._api.inspect_network(container.link(self._project))
        except docker.errors.NotFound:
            return None
        return IPv4Network(network["IPAM"]["Config"][0]["Subnet"])

    def _free_subnet(self) -> IPv4Network:
        """Docker knows what is free: we let it choose once and write down what it chose."""
        probe = self._api.create_network(f"{container.link(self._project)}-probe", internal=True)[
            "Id"
        ]
        try:
            return IPv4Network(self._api.inspect_network(probe)["IPAM"]["Config"][0]["Subnet"])
        finally:
            self._api.remove_network(probe)

    # ── the session ──────────────────────────────────────────────────────────────────────────

    def _shell(self) -> Session:
        if self._session is None:
            try:
                self._session = Session(self._api, self._name)
            except (docker.errors.NotFound, EngineUnreachable) as error:
                raise SessionLost(
                    f"the proxy {self._name} isn't running", hint="docker bluegreen status"
                ) from error
            if self._holder:
                self._lock(self._session, self._holder)
        return self._session

    def _steer(self, act: Callable[[Steering], _T]) -> _T:
        """Every act can be done twice, so a proxy that restarts under us is asked again."""
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            try:
                return act(Steering(self._shell()))
            except SessionLost:
                self.close()
                if self._status() in (None, "exited", "created") or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def _aim(self, service: str, colour: Colour, aims: list[tuple[str, int]]) -> None:
        """Never on the live colour: HAProxy would take its requests somewhere else."""
        if self.routes().get(service) is colour:
            raise ProxyFailed(f"{service}-{colour} is live and must not be moved")
        checked = backend(service, colour, self._target(service, colour).port)
        commands = [
            f"set server {checked}/{server(number)} {what}"
            for number, (host, port) in enumerate(aims, start=1)
            for what in (f"addr {host} port {port}", "health down")
        ]
        self._steer(lambda steering: steering.tell(commands))

    def _target(self, service: str, colour: Colour) -> Target:
        topology = self.topology()
        route = topology.route(service) if topology else None
        target = route.target(colour) if route else None
        if target is None:
            raise ProxyFailed(
                f"the proxy doesn't know {service}-{colour}", hint="docker bluegreen status"
            )
        return target

    def _addresses(self, target: Target) -> tuple[str, ...]:
        subnet = self._subnet()
        if subnet is None:
            raise ProxyFailed("the network of the proxy is gone", hint="docker bluegreen status")
        return tuple(address(subnet, slot) for slot in target.slots)

    def _written(self, topology: Topology) -> str:
        return json.dumps(
            {"template": template_digest(), "topology": asdict(topology)}, sort_keys=True
        )


def _topology(text: str) -> Topology:
    try:
        return TypeAdapter(Topology).validate_python(json.loads(text)["topology"])
    except (ValueError, KeyError, ValidationError) as error:
        raise ProxyFailed(
            "the proxy's own notes can't be read", hint="docker bluegreen up --recreate-proxy"
        ) from error


def _who(said: str) -> str:
    try:
        words = json.loads(said)
        since = datetime.fromisoformat(words["since"]).astimezone()
        return f"{words['actor']}, {words['what']}, since {since:%H:%M:%S}"
    except (ValueError, KeyError, TypeError):
        return "its holder didn't say who"
