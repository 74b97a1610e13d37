"""The port that changes containers, images, networks and volumes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.release import Model, Release
from compose_bluegreen.ports.engine import Container


@dataclass(frozen=True, slots=True)
class ColourAddresses:
    """The network that only the proxy and the colours share, and an address in it for each replica.

    The addresses never change, so the proxy reaches every colour again after any restart.
    """

    network: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ColourRelease:
    """A release in one colour, as ``deployment`` starts it: one replica for each address."""

    release: Release
    colour: Colour
    deployment: int
    colour_addresses: ColourAddresses


@dataclass(frozen=True, slots=True)
class NetworkAttachment:
    """How a container is attached to a network. With ``address`` None, Docker chooses one."""

    address: str | None
    aliases: tuple[str, ...]


class Workloads(Protocol):
    """Changes the engine, with the same result as the user's own ``docker compose`` commands.

    Every method raises ComposeFailed with the last lines of the output. Containers are given as the
    engine reported them, and found again by their ids: a later release uses the same names.
    """

    def build(self, services: Sequence[str]) -> None:
        """Builds the images of these services, as the compose file describes them."""

    def pull(self, reference: str) -> None: ...

    def start_dependencies(self, services: Sequence[str]) -> None:
        """Starts these services in the user's own project."""

    def create_networks_and_volumes(
        self, networks: Mapping[str, Model], volumes: Mapping[str, Model]
    ) -> None:
        """Creates these networks and volumes of the user's file, without any container."""

    def start_colours(self, colours: Sequence[ColourRelease]) -> None:
        """Starts new containers for all replicas of these colours, in parallel. Builds nothing."""

    def start_replicas(self, colour: ColourRelease, containers: Collection[str]) -> None:
        """Starts new containers for some replicas of a colour, given by the names of their containers."""

    def placements(self, colour: ColourRelease) -> Mapping[str, Mapping[str, NetworkAttachment]]:
        """How each container of a colour should be attached: container name to network name to attachment."""

    def remove(self, containers: Sequence[Container], *, keep_volumes: bool = False) -> None:
        """Stops and removes containers with their anonymous volumes. A missing container is no error."""

    def stop(self, containers: Sequence[Container]) -> None: ...

    def start(self, containers: Sequence[Container]) -> None: ...

    def connect(self, container: Container, network: str, place: NetworkAttachment) -> None:
        """Attaches a container to a network again. Also replaces a wrong address on it."""

    def logs(self, containers: Sequence[str], *, follow: bool, tail: int | None) -> Iterator[bytes]:
        """Lines of containers of colours as they come, each line with its container's name."""

    def tag(self, image_id: str, reference: str) -> None: ...

    def untag(self, reference: str) -> None:
        """Removes a tag, and with the last tag the image. A missing tag is no error."""

    def remove_image(self, image_id: str) -> bool:
        """Removes an image. Returns False if a container still uses it."""
