"""HAProxy: notes on a volume, a container that may stop, and what only its memory has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import ComposeFailed, ProxyFailed
from compose_bluegreen.domain.names import companion
from compose_bluegreen.domain.topology import (
    NO_ROUTE,
    CanaryWeight,
    Change,
    ColourBackend,
    Topology,
)
from compose_bluegreen.domain.traffic_stats import TrafficStats
from compose_bluegreen.ports.proxy import NO_TRAFFIC, ServerHealth, ServingHaproxy
from compose_bluegreen.ports.workloads import ColourAddresses
from testkit.fakes.world import Box, Mark, ProxyNotes, World

_INTERVAL = 0.5
"""Seconds until HAProxy looks again at what it takes for well."""


class FakeProxy:
    def __init__(self, world: World) -> None:
        self._world = world

    # ── what it is configured for ────────────────────────────────────────────────────────────

    def topology(self) -> Topology | None:
        return self._world.notes.topology

    def change_to(self, wanted: Topology) -> Change:
        now = self._world.notes.topology
        box = self._world.proxy_box()
        if now is None or box is None:
            return Change.CREATE
        if (now.container, box.published) != (wanted.container, _ports(wanted)):
            return Change.RECREATE if self._world.proxy_runs() else Change.CREATE
        other_image = now.settings.image != wanted.settings.image
        if not self._world.proxy_runs():
            return Change.CREATE if other_image else Change.START
        if other_image or self._world.notes.substitute:
            return Change.HAND_OVER
        return Change.NONE if now == wanted else Change.RELOAD

    def change_to_renew(self, wanted: Topology) -> Change:
        recreate = self.change_to(wanted) is Change.RECREATE
        return Change.RECREATE if recreate else Change.HAND_OVER

    @contextmanager
    def alone(self, wanted: Topology) -> Iterator[None]:
        with self._world.creating:
            yield

    def apply(self, wanted: Topology, change: Change) -> float:
        notes = self._world.notes
        if change is Change.NONE:
            return 0.0
        self._change_container(wanted, change)
        notes.topology = wanted
        kept = {name for name in notes.shown if (own := wanted.route(name)) and own.preview}
        notes.shown = {name: notes.shown[name] for name in kept}
        notes.parked.clear()
        notes.believed.clear()
        for route in wanted.routes:
            notes.disk.setdefault(route.service, None)
        notes.memory = dict(notes.disk)
        notes.canary_weights = dict(notes.disk_shares)
        return 0.25 if change is Change.RECREATE else 0.0

    def _change_container(self, wanted: Topology, change: Change) -> None:
        notes = self._world.notes
        if change is Change.RECREATE:
            before, old = notes.topology, self._world.proxy_box()
            notes.topology = wanted  # written down before the container is replaced
            try:
                self._make(wanted)
            except ComposeFailed:
                notes.topology = before
                if old:
                    self._world.put(old)
                raise
        elif change is Change.CREATE:
            self._make(wanted)
        elif change is Change.HAND_OVER:
            self._box().image_id = self._world.proxy_image
            notes.substitute = False
        elif change is Change.START:
            self._box().started = self._world.time

    def serving_haproxy(self) -> ServingHaproxy | None:
        box = self._world.proxy_box()
        if box is None:
            return None
        version = "3.0.11" if self._world.proxy_runs() else ""
        return ServingHaproxy(version, box.image_id, is_substitute=self._world.notes.substitute)

    def renew_image(self, wanted: Topology) -> None:
        image = wanted.settings.image
        self._world.proxy_image = self._world.pull(image) if image else "sha256:haproxy-renewed"

    def monitor_address(self) -> str | None:
        return "127.0.0.1:8404" if self._world.proxy_runs() else None

    def log(self, *, follow: bool, tail: int | None) -> Iterator[bytes]:
        if self._world.proxy_box() is None:
            raise ProxyFailed(f"there is no proxy of {self._world.project}")
        return iter([b"haproxy runs\n"][: 1 if tail is None else tail])

    def remove(self) -> None:
        mine = self._world.found(lambda m: m.is_proxy and m.project == self._world.project)
        self._world.vanish([box.name for box in mine])
        self._world.networks -= {self._link, self._front}
        self._world.notes = ProxyNotes()

    def _make(self, wanted: Topology) -> None:
        name = f"{companion(self._world.project)}-proxy"
        self._world.calls.halfway("proxy.apply")
        self._world.boxes.pop(name, None)
        self._world.networks |= {self._link, self._front}
        ports = _ports(wanted)
        for port in ports:
            if holder := self._world.holder_of(port):
                raise ComposeFailed("starting the proxy failed", detail=f"{holder} holds {port}")
        if missing := set(wanted.networks) - self._world.networks:
            raise ComposeFailed("starting the proxy failed", detail=f"no network {missing}")
        mark, now = Mark(self._world.project, is_proxy=True), self._world.time
        addresses = dict.fromkeys((self._link, self._front, *wanted.networks), "10.9.0.2")
        box = Box(
            name,
            mark,
            self._world.proxy_image,
            addresses=addresses,
            published=ports,
            started=now,
        )
        self._world.put(box)

    def networks(self) -> tuple[str, ...]:
        topology = self._world.notes.topology
        return (self._link, self._front, *topology.networks) if topology else ()

    def join(self, network: str) -> None:
        if network not in self._world.networks:
            raise ProxyFailed(f"no network {network}")
        box = self._box()
        box.addresses = {**box.addresses, network: "10.9.0.2"}

    # ── traffic ──────────────────────────────────────────────────────────────────────────────

    def routes(self) -> dict[str, Colour | None]:
        notes = self._world.notes
        return dict(notes.memory if self._world.proxy_runs() else notes.disk)

    def routes_at_rest(self) -> dict[str, Colour | None]:
        return dict(self._world.notes.disk)

    def route_to(self, routes: Mapping[str, Colour | None]) -> None:
        self._need_running()
        notes = self._world.notes
        notes.shown = {name: one for name, one in notes.shown.items() if name not in routes}
        notes.disk = notes.disk | dict(routes)
        notes.disk_shares = {k: v for k, v in notes.disk_shares.items() if k not in routes}
        self._world.calls.halfway("proxy.route_to")
        self._load()

    def canary_weights(self) -> dict[str, CanaryWeight]:
        notes = self._world.notes
        return dict(notes.canary_weights if self._world.proxy_runs() else notes.disk_shares)

    def set_canary_weights(self, canary_weights: Mapping[str, CanaryWeight]) -> None:
        self._need_running()
        notes = self._world.notes
        if not all(notes.memory.get(name) for name in canary_weights):
            raise ProxyFailed("nothing is live that could share")
        notes.disk_shares = notes.disk_shares | dict(canary_weights)
        self._world.calls.halfway("proxy.set_canary_weights")
        self._load()

    def _load(self) -> None:
        notes = self._world.notes
        notes.memory, notes.canary_weights = dict(notes.disk), dict(notes.disk_shares)

    def show(self, service: str, colour: Colour) -> None:
        self._aim(service, colour)
        topology = self._world.notes.topology
        route = topology.route(service) if topology else None
        if route and route.preview:
            self._world.notes.shown[service] = colour

    def shown(self) -> dict[str, Colour]:
        return dict(self._world.notes.shown)

    def park(self, service: str, colour: Colour) -> None:
        self._aim(service, colour)
        if self._world.notes.shown.get(service) is colour:
            del self._world.notes.shown[service]
        self._world.notes.parked.add((service, colour))
        self._world.notes.believed.discard((service, colour))

    def watch(self, service: str, colour: Colour) -> None:
        self._aim(service, colour)
        self._world.notes.parked.discard((service, colour))

    def colour_addresses(self, service: str, colour: Colour) -> ColourAddresses:
        addresses = self._addresses(service, colour)
        if self._link not in self._world.networks:
            raise ProxyFailed("the network of the proxy is gone")
        return ColourAddresses(self._link, addresses)

    def health(self, service: str, colour: Colour) -> list[ServerHealth]:
        self._need_running()
        if self._target(service, colour).mode == NO_ROUTE:
            addresses = self._addresses(service, colour)
            return [ServerHealth(address, NO_TRAFFIC, "") for address in addresses]
        addresses, key, notes = (
            self._addresses(service, colour),
            (service, colour),
            self._world.notes,
        )
        if key in notes.parked:
            return [ServerHealth(address, "PARKED", "") for address in addresses]
        found = [self._checked(address, stale=key in notes.believed) for address in addresses]
        if all(one.up for one in found):
            notes.believed.add(key)
        return found

    def in_flight(self, service: str, colour: Colour) -> int:
        self._need_running()
        self._target(service, colour)
        return self._world.in_flight(self._world.colour(service, colour))

    def traffic_stats(self, service: str, colour: Colour) -> TrafficStats:
        self._need_running()
        self._target(service, colour)
        return self._world.tallies.get((service, colour), TrafficStats())

    def unanswered(self, service: str, colour: Colour) -> dict[str, timedelta]:
        self._need_running()
        self._target(service, colour)
        began = self._world.unanswered.get((service, colour), [])
        return {
            str(number): timedelta(seconds=self._world.time - time)
            for number, time in enumerate(began)
        }

    def long_lived(self, service: str, colour: Colour) -> int:
        self._need_running()
        plain = self._target(service, colour).mode == "tcp"
        boxes = self._world.colour(service, colour)
        return self._world.in_flight(boxes, only_long=not plain)

    def hang_up(self, service: str, colour: Colour) -> None:
        self._need_running()
        self._target(service, colour)
        self._world.hang_up(self._world.colour(service, colour))

    # ── how ──────────────────────────────────────────────────────────────────────────────────

    @property
    def _link(self) -> str:
        return f"{companion(self._world.project)}_link"

    @property
    def _front(self) -> str:
        return f"{companion(self._world.project)}_front"

    def _checked(self, address: str, *, stale: bool) -> ServerHealth:
        now = self._world.time
        for box in self._world.boxes.values():
            if box.addresses.get(self._link) == address and box.running(now):
                unseen = stale and box.age(now) < _INTERVAL
                well = unseen or box.behaviour.well(box.age(now))
                return ServerHealth(address, "UP" if well else "DOWN", "L7OK" if well else "L7STS")
        return ServerHealth(address, "DOWN", "L4CON")

    def _addresses(self, service: str, colour: Colour) -> tuple[str, ...]:
        return tuple(f"10.9.0.{slot}" for slot in self._target(service, colour).address_offsets)

    def _target(self, service: str, colour: Colour) -> ColourBackend:
        topology = self._world.notes.topology
        route = topology.route(service) if topology else None
        target = route.target(colour) if route else None
        if target is None:
            raise ProxyFailed(f"the proxy doesn't know {service}-{colour}")
        return target

    def _aim(self, service: str, colour: Colour) -> None:
        self._need_running()
        if self._target(service, colour).mode == NO_ROUTE:
            return
        notes = self._world.notes
        if service in notes.canary_weights or notes.memory.get(service) is colour:
            raise ProxyFailed(f"{service}-{colour} is live and must not be moved")

    def _need_running(self) -> None:
        if not self._world.proxy_runs():
            raise ProxyFailed("the proxy isn't running")

    def _box(self) -> Box:
        box = self._world.proxy_box()
        if box is None:
            raise ProxyFailed("there is no proxy")
        return box


def _ports(wanted: Topology) -> frozenset[str]:
    return frozenset(f"{one.host_ip}:{one.host_port}" for one in wanted.published)
