"""What changes containers and images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from compose_bluegreen.domain.release import Model


@dataclass(frozen=True, slots=True)
class Place:
    """Where a container belongs on a network; ``address`` None: wherever Docker puts it."""

    address: str | None
    aliases: tuple[str, ...]


class Compose(Protocol):
    """What changes things: the user's own ``docker compose``, with the same result as by hand.

    Every method raises ComposeFailed with the end of what Compose said.
    """

    def build(self, services: Sequence[str]) -> None: ...

    def pull(self, reference: str) -> None: ...

    def start_dependencies(self, services: Sequence[str]) -> None:
        """``up -d`` of these services in the user's own project."""

    def create_networks_and_volumes(
        self, config: Model, networks: Sequence[str], volumes: Sequence[str]
    ) -> None:
        """These keys of the user's resolved file, as Compose would, without any container."""

    def start_colour(self, model: Model) -> None:
        """Brings up this stand-alone model, always with new containers, never building."""

    def remove(self, containers: Sequence[str], *, keep_volumes: bool = False) -> None:
        """Stops and removes containers with their anonymous volumes; those gone are no error."""

    def stop(self, containers: Sequence[str]) -> None: ...

    def start(self, containers: Sequence[str]) -> None: ...

    def connect(self, container: str, network: str, place: Place) -> None:
        """Puts a container on a network again; one that is elsewhere on it moves."""

    def tag(self, image_id: str, reference: str) -> None: ...

    def untag(self, reference: str) -> None:
        """Removes one name of an image, and the image with its last name; no error if missing."""

    def remove_image(self, image_id: str) -> bool:
        """False where a container still uses it."""
