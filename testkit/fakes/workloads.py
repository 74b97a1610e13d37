"""An engine that starts releases without any compose file: containers are entries of the world."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from compose_bluegreen.domain.errors import ComposeFailed
from compose_bluegreen.domain.names import replica_name
from compose_bluegreen.domain.release import Model, Release
from compose_bluegreen.ports.engine import Container
from compose_bluegreen.ports.workloads import ColourRelease, NetworkAttachment
from testkit.fakes.world import Box, Mark, World

_REFERENCE = re.compile(
    r"[a-z0-9.:-]+((\.|_|__|-+|/)[a-z0-9]+)*(:[\w][\w.-]{0,127})?(@sha256:\w+)?"
)


class FakeWorkloads:
    def __init__(self, world: World) -> None:
        self._world = world

    # ── the user's project ───────────────────────────────────────────────────────────────────

    def build(self, services: Sequence[str]) -> None:
        for service in services:
            own = self._world.config["services"][service]
            name = own.get("image") or f"{self._world.project}-{service}"
            image_id = self._world.builds.get(service) or self._world.names.get(name)
            if image_id is None:
                raise ComposeFailed(f"docker compose build {service} failed")
            self._world.names[name] = image_id

    def pull(self, reference: str) -> None:
        self._world.pull(reference)

    def start_dependencies(self, services: Sequence[str]) -> None:
        running = set(self._world.running())
        for service in services:
            if f"{self._world.project}-{service}-1" not in running:
                self._world.run_by_hand(service, service)

    def create_networks_and_volumes(
        self, networks: Mapping[str, Model], volumes: Mapping[str, Model]
    ) -> None:
        self._world.networks |= {one["name"] for one in networks.values()}
        self._world.volumes |= {one["name"] for one in volumes.values()}

    # ── colours ──────────────────────────────────────────────────────────────────────────────

    def start_colours(self, colours: Sequence[ColourRelease]) -> None:
        for colour in colours:
            self._start(colour)

    def start_replicas(self, colour: ColourRelease, containers: Collection[str]) -> None:
        self._start(colour, containers)

    def placements(self, colour: ColourRelease) -> Mapping[str, Mapping[str, NetworkAttachment]]:
        alias = f"{colour.release.service}-{colour.colour}"
        return {
            name: {
                network: NetworkAttachment(None, (alias,)) for network in _networks(colour.release)
            }
            | {colour.colour_addresses.network: NetworkAttachment(address, ())}
            for name, address in _replicas(colour)
        }

    def _start(self, colour: ColourRelease, only: Collection[str] | None = None) -> None:
        networks = [*_networks(colour.release), colour.colour_addresses.network]
        self._need(networks, self._world.networks, "network")
        volumes = [one["name"] for one in colour.release.model.get("volumes", {}).values()]
        self._need(volumes, self._world.volumes, "volume")
        for name, address in _replicas(colour):
            if only is None or name in only:
                self._start_one(colour, name, dict.fromkeys(networks, "") | {networks[-1]: address})
                self._world.calls.halfway("workloads.start_colours")

    def _start_one(self, colour: ColourRelease, name: str, addresses: Mapping[str, str]) -> None:
        world, image_id, link = (
            self._world,
            colour.release.image.id,
            colour.colour_addresses.network,
        )
        if image_id not in world.behaviours:
            raise ComposeFailed("docker compose up failed", detail=f"No such image: {image_id}")
        taken = [b.name for b in world.boxes.values() if b.addresses.get(link) == addresses[link]]
        if taken and taken != [name]:
            raise ComposeFailed("docker compose up failed", detail="Address already in use")
        world.vanish([name])
        does, mark = world.behaviours[image_id], _mark(colour, world.project)
        world.put(Box(name, mark, image_id, does, addresses, started=world.time))

    def _need(self, names: Sequence[str], known: set[str], what: str) -> None:
        for name in names:
            if name not in known:
                raise ComposeFailed(
                    "docker compose up failed",
                    detail=f"{what} {name} declared as external, but could not be found",
                )

    # ── containers and images ────────────────────────────────────────────────────────────────

    def remove(self, containers: Sequence[Container], *, keep_volumes: bool = False) -> None:
        known = {box.id for box in self._world.boxes.values()}
        self._world.vanish([one.name for one in containers if one.id in known])

    def stop(self, containers: Sequence[Container]) -> None:
        for container in containers:
            self._box(container).started = None

    def start(self, containers: Sequence[Container]) -> None:
        for container in containers:
            box = self._box(container)
            if box.running(self._world.time):
                continue
            for port in box.published:
                if self._world.holder_of(port):
                    detail = f"{port} is taken"
                    raise ComposeFailed(f"docker start {box.name} failed", detail=detail)
            box.started = self._world.time

    def _box(self, container: Container) -> Box:
        box = self._world.boxes.get(container.name)
        if box is None or box.id != container.id:
            raise ComposeFailed("docker failed", detail=f"No such container: {container.id}")
        return box

    def connect(self, container: Container, network: str, place: NetworkAttachment) -> None:
        self._need([network], self._world.networks, "network")
        box = self._box(container)
        box.addresses = {**box.addresses, network: place.address or ""}

    def tag(self, image_id: str, reference: str) -> None:
        if image_id not in self._world.behaviours:
            raise ComposeFailed("docker tag failed", detail=f"No such image: {image_id}")
        if not _REFERENCE.fullmatch(reference):
            raise ComposeFailed("docker tag failed", detail="invalid reference format")
        self._world.names[reference] = image_id

    def untag(self, reference: str) -> None:
        image_id = self._world.names.get(reference)
        if image_id is None:
            return
        if self._world.names_of(image_id) == [reference]:
            if self._users(image_id):
                raise ComposeFailed("docker rmi failed", detail="a container is using it")
            del self._world.behaviours[image_id]
        del self._world.names[reference]

    def logs(self, containers: Sequence[str], *, follow: bool, tail: int | None) -> Iterator[bytes]:
        for name in containers:
            lines = self._world.boxes[name].behaviour.log.splitlines(keepends=True)
            for line in lines[len(lines) - tail :] if tail is not None else lines:
                yield f"{name} | {line}".encode()

    def remove_image(self, image_id: str) -> bool:
        if self._users(image_id) or len(self._world.names_of(image_id)) > 1:
            return False
        self._world.lose_image(image_id)
        return True

    def _users(self, image_id: str) -> list[str]:
        return [box.name for box in self._world.boxes.values() if box.image_id == image_id]


def _replicas(colour: ColourRelease) -> Iterator[tuple[str, str]]:
    """The name and the address of each."""
    project, service = str(colour.release.model["name"]), colour.release.service
    for number, address in enumerate(colour.colour_addresses.addresses, start=1):
        yield replica_name(project, service, colour.colour, number), address


def _networks(release: Release) -> list[str]:
    """Names of the networks that the service itself is on."""
    own = release.model["services"][release.service].get("networks") or {"default": None}
    return [str(release.model["networks"][key]["name"]) for key in own]


def _mark(colour: ColourRelease, project: str) -> Mark:
    release = colour.release
    return Mark(project, release.service, colour.colour, colour.deployment, release.fingerprint)
