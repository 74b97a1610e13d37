"""The engine, which looks at the world and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.names import companion
from compose_bluegreen.domain.release import Image
from compose_bluegreen.ports.engine import Container, FailedProbe
from testkit.fakes.world import ENGINE, NOON, Mark, World


class FakeEngine:
    def __init__(self, world: World) -> None:
        self._world = world

    def identity(self) -> str:
        return ENGINE

    def image(self, reference: str) -> Image | None:
        return self._world.find_image(reference)

    def built_at(self, image_id: str) -> datetime | None:
        known = image_id == self._world.proxy_image or image_id in self._world.behaviours
        return NOON if known else None

    def colour_containers(
        self, project: str, service: str | None = None, colour: Colour | None = None
    ) -> list[Container]:
        return self._seen(
            lambda mark: (
                mark.project == project
                and mark.colour is not None
                and service in (None, mark.service)
                and colour in (None, mark.colour)
            )
        )

    def compose_containers(self, project: str, service: str | None = None) -> list[Container]:
        return self._seen(
            lambda mark: (
                _compose_project(mark, self._world.project) == project
                and service in (None, mark.compose_service)
            )
        )

    def hook_containers(self, project: str) -> list[Container]:
        return self._seen(lambda mark: mark.hook_of == project)

    def proxy_container(self, project: str) -> Container | None:
        return next(iter(self._seen(lambda m: m.is_proxy and m.project == project)), None)

    def used_images(self) -> set[str]:
        return {box.image_id for box in self._world.boxes.values()}

    def _seen(self, wanted: Callable[[Mark], bool]) -> list[Container]:
        return [box.seen(self._world.time) for box in self._world.found(wanted)]

    def attached(self, network: str) -> list[Container]:
        if network not in self._world.networks:
            return []
        seen = [box.seen(self._world.time) for box in self._world.boxes.values()]
        found = [one for one in seen if network in one.addresses and one.running]
        return sorted(found, key=lambda one: one.name)

    def probe(self, container: Container, timeout: timedelta) -> FailedProbe | None:
        box = self._world.boxes.get(container.name)
        if box is None:
            return FailedProbe("the container is gone")
        does = box.behaviour
        if does.healthcheck_hangs:
            self._world.wait(timeout.total_seconds())
            return FailedProbe("", timeout)
        passes = does.healthcheck is None or does.passes(box.age(self._world.time))
        return None if passes else FailedProbe("connection refused\n")

    def probe_all(
        self, containers: Sequence[Container], timeout: timedelta
    ) -> list[FailedProbe | None]:
        return [self.probe(one, timeout) for one in containers]

    def log_tail(self, container: Container, lines: int = 20) -> str:
        box = self._world.boxes.get(container.name)
        if box is None:
            return "(no log: the container is gone)"
        return "".join(box.behaviour.log.splitlines(keepends=True)[-lines:])

    def tags(self, image_id: str) -> list[str]:
        return self._world.names_of(image_id)

    def tagged(self, repository: str) -> dict[str, str]:
        names = self._world.names.items()
        return {name: image for name, image in names if name.rpartition(":")[0] == repository}

    def missing_networks(self, names: Iterable[str]) -> set[str]:
        return set(names) - self._world.networks

    def gateways(self, networks: Iterable[str]) -> dict[str, str]:
        outside = sorted(name for name in networks if not name.endswith("_link"))
        return {
            name: f"172.{18 + number}.0.1"
            for number, name in enumerate(outside)
            if name in self._world.networks
        }

    def missing_volumes(self, names: Iterable[str]) -> set[str]:
        return set(names) - self._world.volumes


def _compose_project(mark: Mark, project: str) -> str | None:
    """Where Compose would have made it."""
    if mark.foreign or mark.project or mark.hook_of:
        return companion(project)
    return project if mark.compose_service else None
