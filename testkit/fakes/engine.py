"""The engine, which looks at the world and changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from compose_bluegreen.domain.release import Image
from compose_bluegreen.ports.engine import Container
from testkit.fakes.world import ENGINE, World


class FakeEngine:
    def __init__(self, world: World) -> None:
        self._world = world

    def identity(self) -> str:
        return ENGINE

    def image(self, reference: str) -> Image | None:
        return self._world.find_image(reference)

    def containers(self, labels: Mapping[str, str]) -> list[Container]:
        return [box.seen(self._world.time) for box in self._world.found(labels)]

    def attached(self, network: str) -> list[Container]:
        if network not in self._world.networks:
            return []
        seen = [box.seen(self._world.time) for box in self._world.boxes.values()]
        found = [one for one in seen if network in one.addresses and one.running]
        return sorted(found, key=lambda one: one.name)

    def probe(self, container: Container) -> str | None:
        box = self._world.boxes[container.name]
        does = box.behaviour
        passes = does.healthcheck is None or does.passes(box.age(self._world.time))
        return None if passes else "connection refused\n"

    def probe_all(self, containers: Sequence[Container]) -> list[str | None]:
        return [self.probe(one) for one in containers]

    def log_tail(self, container: Container, lines: int = 20) -> str:
        box = self._world.boxes.get(container.name)
        text = box.behaviour.log if box else ""
        return "".join(text.splitlines(keepends=True)[-lines:])

    def tags(self, image_id: str) -> list[str]:
        return self._world.names_of(image_id)

    def tagged(self, repository: str) -> dict[str, str]:
        names = self._world.names.items()
        return {name: image for name, image in names if name.rpartition(":")[0] == repository}

    def missing_networks(self, names: Iterable[str]) -> set[str]:
        return set(names) - self._world.networks

    def missing_volumes(self, names: Iterable[str]) -> set[str]:
        return set(names) - self._world.volumes
