"""One machine in memory, which all fakes share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from math import inf
from threading import RLock

from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import ComposeFailed
from compose_bluegreen.domain.release import Image, Model
from compose_bluegreen.domain.topology import CanaryWeight, Route, Topology
from compose_bluegreen.domain.traffic_stats import TrafficStats
from compose_bluegreen.ports.engine import Container
from compose_bluegreen.ports.lock import LockOwner, SignalRequest
from testkit.fakes.calls import Call, Calls

ENGINE = "ABCD:EFGH"
_IDS = count(1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What the containers of an image do; times in seconds after their start.

    ``healthy_after`` is when it answers HAProxy, ``healthcheck`` when its HEALTHCHECK passes (None:
    it has none), which Docker tells a second later. ``declared_sick``: Docker calls it unhealthy.
    """

    healthy_after: float = 0.05
    sick_after: float = inf
    ends_after: float = inf
    exit_code: int = 0
    crashes_every: float = inf
    healthcheck: float | None = None
    declared_sick: float = inf
    log: str = "listening\n"
    healthcheck_hangs: bool = False

    def well(self, age: float) -> bool:
        return self.healthy_after <= age < min(self.sick_after, self.ends_after)

    def passes(self, age: float) -> bool:
        return self.well(age) and age >= (self.healthcheck or 0.0)


WELL = Behaviour()


@dataclass(frozen=True, slots=True)
class Mark:
    """What a container was started as; ``compose_service`` and ``hook_of`` are for those that are
    of no colour: of the user's own project, and of a hook; ``foreign`` is of another project that has
    the name of the companion project."""

    project: str | None = None
    service: str | None = None
    colour: Colour | None = None
    deployment: int | None = None
    fingerprint: str | None = None
    is_proxy: bool = False
    one_off: bool = False
    compose_service: str | None = None
    hook_of: str | None = None
    foreign: bool = False


@dataclass(slots=True)
class Box:
    """A container. ``started`` None: it was stopped. ``mark`` says what it was started as."""

    name: str
    mark: Mark
    image_id: str
    behaviour: Behaviour = WELL
    addresses: Mapping[str, str] = field(default_factory=dict)
    published: frozenset[str] = frozenset()
    started: float | None = 0.0
    paused: bool = False
    id: str = field(default_factory=lambda: f"container-{next(_IDS)}")

    def age(self, now: float) -> float:
        return -inf if self.started is None else now - self.started

    def running(self, now: float) -> bool:
        ended = self.started is None or self.age(now) >= self.behaviour.ends_after
        return not ended and not self.paused

    def _status(self, now: float) -> str:
        if self.paused:
            return "paused"
        return "running" if self.running(now) else "exited"

    def seen(self, now: float) -> Container:
        does, age = self.behaviour, max(self.age(now), 0.0)
        ended = age >= does.ends_after
        health = "healthy" if age >= 1.0 and does.passes(age) else "starting"
        return Container(
            id=self.id,
            name=self.name,
            image_id=self.image_id,
            status=self._status(now),
            exit_code=does.exit_code if ended else 0,
            restarts=int(age // does.crashes_every) if does.crashes_every < inf else 0,
            health=("unhealthy" if age >= does.declared_sick else health)
            if does.healthcheck is not None
            else None,
            started_at=NOON + timedelta(seconds=self.started or 0.0),
            addresses=dict(self.addresses),
            published=self.published,
            project=self.mark.project,
            service=self.mark.service,
            colour=self.mark.colour,
            deployment=self.mark.deployment,
            fingerprint=self.mark.fingerprint,
            is_proxy=self.mark.is_proxy,
            one_off=self.mark.one_off,
        )


@dataclass(slots=True)
class ProxyNotes:
    """What HAProxy has on its volume and, while it runs, in memory.

    ``shown`` are idle colours that may be previewed, ``believed`` colours that it saw well: it takes new containers for well until it looks.
    ``substitute``: the HAProxy serves that another one had replaced.
    """

    topology: Topology | None = None
    disk: dict[str, Colour | None] = field(default_factory=dict)
    memory: dict[str, Colour | None] = field(default_factory=dict)
    disk_shares: dict[str, CanaryWeight] = field(default_factory=dict)
    canary_weights: dict[str, CanaryWeight] = field(default_factory=dict)
    parked: set[tuple[str, Colour]] = field(default_factory=set)
    believed: set[tuple[str, Colour]] = field(default_factory=set)
    shown: dict[str, Colour] = field(default_factory=dict)
    substitute: bool = False


@dataclass(slots=True)
class Request:
    """One that a container answers until this time; ``long``: it isn't an ordinary one."""

    box: str
    until: float
    long: bool = False


class World:
    """``project`` is the user's, ``config`` its resolved file; image ids are ``sha256:<version>``."""

    def __init__(self, project: str = "shop") -> None:
        self.project = project
        self.config: Model = {}
        self.time = 0.0
        self.behaviours: dict[str, Behaviour] = {}
        self.names: dict[str, str] = {}
        self.digests: dict[str, str] = {}
        self.registry: dict[str, str] = {}
        self.builds: dict[str, str] = {}
        self.boxes: dict[str, Box] = {}
        self.networks: set[str] = set()
        self.volumes: set[str] = set()
        self.notes = ProxyNotes()
        self.creating = RLock()
        self.proxy_image = "sha256:haproxy"
        self.owner: LockOwner | None = None
        self.listens = False
        self.requested_signal: SignalRequest | None = None
        self.requests: list[Request] = []
        self.tallies: dict[tuple[str, Colour], TrafficStats] = {}
        self.unanswered: dict[tuple[str, Colour], list[float]] = {}
        self.cut: list[str] = []
        self.outages: list[str] = []
        self._served: set[str] = set()
        self.calls = Calls()
        self.calls.after_each = self._keep_the_promise

    def wait(self, seconds: float) -> None:
        """Whoever acts takes this long; a simulator lets others act meanwhile."""
        self.time += seconds

    # ── images ───────────────────────────────────────────────────────────────────────────────

    def make_image(self, version: str, does: Behaviour = WELL, digest: str | None = None) -> str:
        """``digest`` is where a registry has it, as ``repository@sha256:…``."""
        image_id = f"sha256:{version}"
        self.behaviours[image_id] = does
        if digest:
            self.digests[image_id] = digest
            self.registry[digest] = image_id
        return image_id

    def pull(self, reference: str) -> str:
        image_id = self.registry.get(reference)
        if image_id is None:
            raise ComposeFailed(f"docker pull {reference} failed", detail="manifest unknown")
        self.make_image(_version(image_id), digest=self.digests.get(image_id))
        if "@" in reference:
            self.digests[image_id] = reference
        else:
            self.names[reference] = image_id
        return image_id

    def find_image(self, reference: str) -> Image | None:
        present = ((one, digest) for one, digest in self.digests.items() if one in self.behaviours)
        by_digest = {digest: image_id for image_id, digest in present}
        image_id = self.names.get(reference) or by_digest.get(reference) or reference
        if image_id not in self.behaviours:
            return None
        return Image(reference, image_id, self.digests.get(image_id))

    def names_of(self, image_id: str) -> list[str]:
        return sorted(name for name, named in self.names.items() if named == image_id)

    def lose_image(self, image_id: str) -> None:
        """As ``docker rmi --force`` does."""
        self.behaviours.pop(image_id, None)
        for name in self.names_of(image_id):
            del self.names[name]

    # ── containers ───────────────────────────────────────────────────────────────────────────

    def put(self, box: Box) -> Box:
        self.boxes[box.name] = box
        return box

    def run_by_hand(self, service: str, version: str = "v0", *ports: str) -> Box:
        """A container of the user's own project, by ``docker compose up -d``."""
        image_id = f"sha256:{version}"
        does = self.behaviours.setdefault(image_id, Behaviour(healthy_after=0.0))
        name = f"{self.project}-{service}-1"
        mark = Mark(compose_service=service)
        return self.put(Box(name, mark, image_id, does, {}, frozenset(ports), self.time))

    def found(self, wanted: Callable[[Mark], bool]) -> list[Box]:
        boxes = (box for box in self.boxes.values() if wanted(box.mark))
        return sorted(boxes, key=lambda box: box.name)

    def by_hand(self, service: str) -> list[Box]:
        """The containers of the user's own project."""
        return self.found(lambda mark: mark.compose_service == service)

    def running(self) -> list[str]:
        """Names of all that run but the proxy."""
        return sorted(
            box.name
            for box in self.boxes.values()
            if box.running(self.time) and box is not self.proxy_box()
        )

    def colour(self, service: str, colour: Colour) -> list[Box]:
        return self.found(lambda mark: (mark.service, mark.colour) == (service, colour))

    def holder_of(self, port: str) -> str | None:
        """Whoever publishes this host port (``:8000``) now."""
        boxes = self.boxes.values()
        return next((b.name for b in boxes if port in b.published and b.running(self.time)), None)

    # ── traffic ──────────────────────────────────────────────────────────────────────────────

    def proxy_box(self) -> Box | None:
        found = self.found(lambda mark: mark.is_proxy)
        return found[0] if found else None

    def proxy_runs(self) -> bool:
        box = self.proxy_box()
        return box is not None and box.running(self.time)

    def previews(self, service: str) -> set[str | None]:
        """The versions that those may get who may preview it; None is no answer."""
        colour = self.notes.shown.get(service)
        return self._of(service, colour) if colour and self.proxy_runs() else {None}

    def answers(self, service: str) -> set[str | None]:
        """The versions that a visitor of this service may get; None is no answer."""
        found: set[str | None] = set()
        for box in self.by_hand(service):
            if box.running(self.time):
                found.add(_version(box.image_id))
        route = self.notes.topology.route(service) if self.notes.topology else None
        if route and self._is_reached(route):
            found |= self._behind_the_proxy(service)
        return found or {None}

    def _is_reached(self, route: Route) -> bool:
        """By the ports that the proxy's container was made with; the notes may be ahead of it."""
        box = self.proxy_box()
        if box is None or not box.running(self.time):
            return False
        ports = {f"{one.host_ip}:{one.host_port}" for one in route.published}
        return bool(ports & box.published if ports else route.networks)

    def _behind_the_proxy(self, service: str) -> set[str | None]:
        colour = self.notes.memory.get(service)
        if colour and service in self.notes.canary_weights:
            return self._of(service, colour) | self._of(service, colour.other)
        return self._of(service, colour) if colour else {None}

    def _of(self, service: str, colour: Colour) -> set[str | None]:
        if (service, colour) in self.notes.parked:
            return {None}
        boxes = self.colour(service, colour)
        proven = (box.age(self.time) >= box.behaviour.healthy_after for box in boxes)
        up = all(box.running(self.time) for box in boxes) and all(proven)
        return {_version(box.image_id) for box in boxes} if boxes and up else {None}

    def busy(
        self, service: str, colour: Colour, seconds: float, *, web_socket: bool = False
    ) -> None:
        """A request that takes this long arrives at a colour."""
        name = self.colour(service, colour)[0].name
        self.requests.append(Request(name, self.time + seconds, web_socket))

    def asked(
        self,
        service: str,
        colour: Colour,
        count: int,
        *,
        ms: int = 10,
        errors: int = 0,
        broken: int = 0,
        unanswered: int = 0,
        uploads: int = 0,
    ) -> None:
        """So many further requests came to a colour; but for the unanswered, and for uploads whose
        body does not come, each waited ``ms``."""
        before = self.tallies.get((service, colour), TrafficStats())
        latencies = dict(before.latencies)
        waiting = self.unanswered.setdefault((service, colour), [])
        waiting += [self.time] * unanswered
        if (answered := count - unanswered - uploads) > 0:
            latencies[ms] = latencies.get(ms, 0) + answered
        self.tallies[service, colour] = TrafficStats(
            before.started + count,
            before.errors + errors,
            before.broken + broken,
            latencies,
            latencies,
        )

    def in_flight(self, boxes: Iterable[Box], *, only_long: bool = False) -> int:
        names = {box.name for box in boxes}
        found = (one for one in self.requests if one.box in names and one.until > self.time)
        return sum(one.long or not only_long for one in found)

    def hang_up(self, boxes: Iterable[Box]) -> None:
        """Whoever was in the middle of an ordinary request has lost it."""
        for box in boxes:
            ordinary = self.in_flight([box]) - self.in_flight([box], only_long=True)
            self.cut += [box.name] * ordinary
            self.requests = [one for one in self.requests if one.box != box.name]

    def vanish(self, names: Iterable[str]) -> None:
        """Containers go, with what they were answering."""
        for box in [self.boxes.pop(name) for name in names if name in self.boxes]:
            self.cut += [box.name] * self.in_flight([box])
            self.requests = [one for one in self.requests if one.box != box.name]

    def _keep_the_promise(self, call: Call) -> None:
        """Who was served once is served ever after, by something that was proven."""
        for service in self.config.get("services", {}):
            if None not in self.answers(service):
                self._served.add(service)
            elif service in self._served:
                self.outages.append(f"{call.name} of {service}")


def _version(image_id: str) -> str:
    return image_id.removeprefix("sha256:")
