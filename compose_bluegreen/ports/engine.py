"""The port that reads from the container engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from compose_bluegreen.domain import durations
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.release import Image


@dataclass(frozen=True, slots=True)
class Container:
    """A container as the engine reports it now.

    ``exit_code`` is 0 while it runs, also after a restart. ``health`` is Docker's own status
    (``starting``, ``healthy``, ``unhealthy``), or None without a HEALTHCHECK. ``addresses`` maps
    network names to IP addresses; ``published`` are host ports.

    ``colour``, ``deployment`` and ``fingerprint`` (of its release) come from the labels that this
    plugin gives; other containers have None. ``one_off`` marks ``docker compose run``.
    """

    id: str
    name: str
    image_id: str
    status: str
    exit_code: int
    restarts: int
    health: str | None
    started_at: datetime | None
    addresses: Mapping[str, str]
    published: frozenset[str] = frozenset()
    project: str | None = None
    service: str | None = None
    colour: Colour | None = None
    deployment: int | None = None
    fingerprint: str | None = None
    is_proxy: bool = False
    one_off: bool = False

    @property
    def running(self) -> bool:
        return self.status == "running"


@dataclass(frozen=True, slots=True)
class FailedProbe:
    """A HEALTHCHECK that did not pass: its output, or where it hung, after how long it was killed."""

    output: str
    hung_for: timedelta | None = None

    def __str__(self) -> str:
        if self.hung_for is not None:
            seconds = timedelta(seconds=round(self.hung_for.total_seconds(), 1))
            return f"its HEALTHCHECK hangs: it did not end within {durations.show(seconds)}"
        return f"its HEALTHCHECK says: {self.output.strip() or 'nothing'}"


class Engine(Protocol):
    """Reads from the engine, without a new process for each call. Raises EngineUnreachable."""

    def identity(self) -> str:
        """The engine's own id; no other host has the same id."""

    def image(self, reference: str) -> Image | None:
        """The image with this tag, digest or id; None if the engine doesn't have it."""

    def built_at(self, image_id: str) -> datetime | None:
        """When an image was built (UTC); None if the engine doesn't have it."""

    def colour_containers(
        self, project: str, service: str | None = None, colour: Colour | None = None
    ) -> list[Container]:
        """The containers of a project's colours, running or not, sorted by name."""

    def compose_containers(self, project: str, service: str | None = None) -> list[Container]:
        """The containers of a Compose project, or of one service of it, running or not, sorted by name."""

    def hook_containers(self, project: str) -> list[Container]:
        """One-off containers of hooks, running or not."""

    def proxy_container(self, project: str) -> Container | None: ...

    def used_images(self) -> set[str]:
        """Ids of the images of all containers on the engine, running or not."""

    def attached(self, network: str) -> list[Container]:
        """The running containers on this network, sorted by name; none if the network is gone."""

    def probe(self, container: Container, timeout: timedelta) -> FailedProbe | None:
        """Runs the container's HEALTHCHECK command now. Returns None if it passed.

        The command is killed after its own timeout, or after ``timeout`` if that is shorter.
        """

    def probe_all(
        self, containers: Sequence[Container], timeout: timedelta
    ) -> list[FailedProbe | None]:
        """The same for several containers, in parallel; the results have the same order."""

    def log_tail(self, container: Container, lines: int = 20) -> str: ...

    def tags(self, image_id: str) -> list[str]:
        """All tags of an image."""

    def tagged(self, repository: str) -> dict[str, str]:
        """Tag (``repository:tag``) to image id, for one repository."""

    def missing_networks(self, names: Iterable[str]) -> set[str]: ...

    def gateways(self, networks: Iterable[str]) -> dict[str, str]:
        """Of those networks that are there and lead outside: the address of the Docker host there."""

    def missing_volumes(self, names: Iterable[str]) -> set[str]: ...
