"""What looks at the engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.release import Image


@dataclass(frozen=True, slots=True)
class Container:
    """A container as the engine sees it now.

    ``exit_code`` is 0 while it runs, whatever it ended with before it was restarted. ``health`` is
    Docker's own word (``starting``, ``healthy``, ``unhealthy``) or None without a
    HEALTHCHECK; ``addresses`` maps network names to IP addresses; ``published`` are host ports.

    The last fields say what this plugin started it as, and are empty for any other container:
    ``fingerprint`` is that of its release. ``one_off`` marks ``docker compose run``.
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


class Engine(Protocol):
    """What looks, without a process per look. Raises EngineUnreachable."""

    def identity(self) -> str:
        """The engine's own id: two hosts never share it."""

    def image(self, reference: str) -> Image | None:
        """By tag, digest or id; None where the engine doesn't have it."""

    def built_at(self, image_id: str) -> datetime | None:
        """When an image was built (UTC); None where the engine does not have it."""

    def colour_containers(
        self, project: str, service: str | None = None, colour: Colour | None = None
    ) -> list[Container]:
        """The containers of a project's colours, running or not, by name."""

    def compose_containers(self, project: str, service: str) -> list[Container]:
        """What ``docker compose`` itself started for this service, running or not, by name."""

    def hook_containers(self, project: str) -> list[Container]:
        """One-off containers of hooks, running or not."""

    def proxy_container(self, project: str) -> Container | None: ...

    def used_images(self) -> set[str]:
        """Ids of the images of all containers on the engine, running or not."""

    def attached(self, network: str) -> list[Container]:
        """All that run on this network, by name; none where it is gone."""

    def probe(self, container: Container) -> str | None:
        """Runs the container's own HEALTHCHECK command now: None if it passed, else its output."""

    def probe_all(self, containers: Sequence[Container]) -> list[str | None]:
        """The same of several, side by side; the answers in the same order."""

    def log_tail(self, container: Container, lines: int = 20) -> str: ...

    def tags(self, image_id: str) -> list[str]:
        """All names of an image."""

    def tagged(self, repository: str) -> dict[str, str]:
        """Tag (``repository:tag``) to image id, for one repository."""

    def missing_networks(self, names: Iterable[str]) -> set[str]: ...

    def missing_volumes(self, names: Iterable[str]) -> set[str]: ...
