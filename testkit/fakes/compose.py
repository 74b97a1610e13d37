"""``docker compose`` and ``docker``, as far as they change the world."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from compose_bluegreen.domain.errors import ComposeFailed
from compose_bluegreen.domain.labels import LABEL
from compose_bluegreen.domain.names import LINK
from compose_bluegreen.domain.release import Model
from compose_bluegreen.ports.workloads import Place
from testkit.fakes.world import Box, World

_REFERENCE = re.compile(
    r"[a-z0-9.:-]+((\.|_|__|-+|/)[a-z0-9]+)*(:[\w][\w.-]{0,127})?(@sha256:\w+)?"
)


class FakeCompose:
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
        image_id = self._world.registry.get(reference)
        if image_id is None:
            raise ComposeFailed(f"docker pull {reference} failed", detail="manifest unknown")
        version = image_id.removeprefix("sha256:")
        digest = self._world.digests.get(image_id)
        self._world.make_image(version, digest=digest)
        if "@" in reference:
            self._world.digests[image_id] = reference
        else:
            self._world.names[reference] = image_id

    def start_dependencies(self, services: Sequence[str]) -> None:
        running = set(self._world.running())
        for service in services:
            if f"{self._world.project}-{service}-1" not in running:
                self._world.run_by_hand(service, service)

    def create_networks_and_volumes(
        self, config: Model, networks: Sequence[str], volumes: Sequence[str]
    ) -> None:
        self._world.networks |= {config["networks"][key]["name"] for key in networks}
        self._world.volumes |= {config["volumes"][key]["name"] for key in volumes}

    # ── the project beside it ────────────────────────────────────────────────────────────────

    def start_colour(self, model: Model) -> None:
        networks = {key: one["name"] for key, one in model["networks"].items()}
        self._need(networks.values(), self._world.networks, "network")
        volumes = [one["name"] for one in model.get("volumes", {}).values()]
        self._need(volumes, self._world.volumes, "volume")
        for own in model["services"].values():
            self._start_one(own, networks)
            self._world.calls.halfway("compose.start_colour")

    def _start_one(self, own: Model, networks: Mapping[str, str]) -> None:
        world, image_id, link = self._world, own["image"], networks[LINK]
        if image_id not in world.behaviours:
            raise ComposeFailed("docker compose up failed", detail=f"No such image: {image_id}")
        address = own["networks"][LINK]["ipv4_address"]
        rivals = [box.name for box in world.boxes.values() if box.addresses.get(link) == address]
        if rivals and rivals != [own["container_name"]]:
            raise ComposeFailed("docker compose up failed", detail="Address already in use")
        world.vanish([own["container_name"]])
        does = world.behaviours[image_id]
        name, labels = own["container_name"], own["labels"]
        addresses = {networks[key]: "" for key in own["networks"]} | {link: address}
        world.put(Box(name, labels, image_id, does, addresses, started=world.time))

    def _need(self, names: object, known: set[str], what: str) -> None:
        for name in names:  # type: ignore[attr-defined]
            if name not in known:
                raise ComposeFailed(
                    "docker compose up failed",
                    detail=f"{what} {name} declared as external, but could not be found",
                )

    # ── containers and images ────────────────────────────────────────────────────────────────

    def remove(self, containers: Sequence[str], *, keep_volumes: bool = False) -> None:
        self._world.vanish(containers)

    def stop(self, containers: Sequence[str]) -> None:
        for name in containers:
            self._box(name).started = None

    def start(self, containers: Sequence[str]) -> None:
        for name in containers:
            box = self._box(name)
            if box.running(self._world.time):
                continue
            for port in box.published:
                if self._world.holder_of(port):
                    raise ComposeFailed(f"docker start {name} failed", detail=f"{port} is taken")
            box.started = self._world.time

    def _box(self, name: str) -> Box:
        if name not in self._world.boxes:
            raise ComposeFailed("docker failed", detail=f"No such container: {name}")
        return self._world.boxes[name]

    def connect(self, container: str, network: str, place: Place) -> None:
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

    def remove_image(self, image_id: str) -> bool:
        if self._users(image_id) or len(self._world.names_of(image_id)) > 1:
            return False
        self._world.lose_image(image_id)
        return True

    def _users(self, image_id: str) -> list[str]:
        return [box.name for box in self._world.boxes.values() if box.image_id == image_id]


def proxy_labels(project: str) -> dict[str, str]:
    return {f"{LABEL}.project": project, f"{LABEL}.role": "proxy"}
