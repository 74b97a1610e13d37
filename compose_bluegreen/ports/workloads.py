"""What changes containers, images, networks and volumes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.release import Model, Release


@dataclass(frozen=True, slots=True)
class ColourAddresses:
    """A network that only the proxy and the colours share, and an address there for each replica.

    The addresses never change, so the proxy finds every colour again after any restart.
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
    """Acts on the engine, with the same result as the user's own commands.

    Every method raises ComposeFailed with the last lines of what failed.
    """

    def build(self, services: Sequence[str]) -> None:
        """Builds the images of these services, as the compose file describes them."""

    def pull(self, reference: str) -> None: ...

    def start_dependencies(self, services: Sequence[str]) -> None:
        """Starts these services in the user's own project."""

    def create_networks_and_volumes(
        self, networks: Mapping[str, Model], volumes: Mapping[str, Model]
    ) -> None:
        """Creates what these keys of the user's file define, without any container."""

    def start_colours(self, colours: Sequence[ColourRelease]) -> None:
        """Starts new containers for all replicas of these colours, side by side; never builds."""

    def start_replicas(self, colour: ColourRelease, containers: Collection[str]) -> None:
        """Starts new containers for these replicas of a colour, named by their containers."""

    def placements(self, colour: ColourRelease) -> Mapping[str, Mapping[str, NetworkAttachment]]:
        """Container to network to how it is attached, by the names on the engine."""

    def remove(self, containers: Sequence[str], *, keep_volumes: bool = False) -> None:
        """Stops and removes containers with their anonymous volumes. Missing ones are no error."""

    def stop(self, containers: Sequence[str]) -> None: ...

    def start(self, containers: Sequence[str]) -> None: ...

    def connect(self, container: str, network: str, place: NetworkAttachment) -> None:
        """Attaches a container to a network again; one that has another address there moves."""

    def logs(self, containers: Sequence[str], *, follow: bool, tail: int | None) -> Iterator[bytes]:
        """Lines of containers of colours as they come, each line with its container's name."""

    def tag(self, image_id: str, reference: str) -> None: ...

    def untag(self, reference: str) -> None:
        """Removes one name of an image, and the image with its last name. Missing is no error."""

    def remove_image(self, image_id: str) -> bool:
        """False if a container still uses it."""
