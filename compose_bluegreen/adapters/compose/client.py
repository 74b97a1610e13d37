"""Changes containers and images with the user's own ``docker compose`` and ``docker``, by
python-on-whales."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compose_bluegreen.adapters.compose import config_yaml, specs
from compose_bluegreen.adapters.system.children import Children
from compose_bluegreen.adapters.system.preload import WHALES, arrived
from compose_bluegreen.adapters.system.private_files import Scratch
from compose_bluegreen.config.requests import ProjectLocation
from compose_bluegreen.domain import address_pools
from compose_bluegreen.domain.errors import ComposeFailed
from compose_bluegreen.domain.names import companion
from compose_bluegreen.domain.release import Model
from compose_bluegreen.ports.engine import Container
from compose_bluegreen.ports.workloads import ColourRelease, NetworkAttachment
from compose_bluegreen.runtime.secrets import learn

if TYPE_CHECKING:
    from python_on_whales import DockerClient

_NO_SERVICE = "bluegreen-nothing"
_LAST_LINES = 30


class WhalesCompose:
    """``location`` and ``project`` are the user's; our own models run in the project beside it.

    What changes something is one of ``children``, for which the next command waits.
    """

    def __init__(
        self, location: ProjectLocation, project: str, scratch: Scratch, children: Children
    ) -> None:
        self.project = project
        self._location = location
        self._scratch = scratch
        self._children = children

    def logs(self, containers: Sequence[str], *, follow: bool, tail: int | None) -> Iterator[bytes]:
        """Lines of several containers as they come, each with its name, as Compose shows them."""
        prefix = f"{companion(self.project)}-"
        services = [name.removeprefix(prefix) for name in containers]
        model: Model = {"services": {name: {"image": "scratch"} for name in services}}
        with (
            self._written(model, companion(self.project), changes=False) as client,
            _mapped("docker compose logs"),
        ):
            lines = client.compose.logs(
                services, follow=follow, tail=None if tail is None else str(tail), stream=True
            )
            for _, line in lines:
                yield line

    # ── the user's project ───────────────────────────────────────────────────────────────────

    def build(self, services: Sequence[str]) -> None:
        with _mapped(f"docker compose build {' '.join(services)}"):
            _drain(self._base().compose.build(list(services), stream_logs=True))

    def pull(self, reference: str) -> None:
        with _mapped(f"docker pull {reference}"):
            self._base().image.pull(reference, quiet=True)

    def start_dependencies(self, services: Sequence[str]) -> None:
        with _mapped(f"docker compose up -d {' '.join(services)}"):
            self._base().compose.up(list(services), detach=True, quiet=True)

    def create_networks_and_volumes(
        self, networks: Mapping[str, Model], volumes: Mapping[str, Model]
    ) -> None:
        nothing: Model = {
            "image": "bluegreen:none",
            "pull_policy": "never",
            "scale": 0,
            "networks": {key: {} for key in networks},
            "volumes": [{"type": "volume", "source": key, "target": f"/{key}"} for key in volumes],
        }
        if not networks:
            nothing["network_mode"] = "none"
            del nothing["networks"]
        model = {
            "name": self.project,
            "services": {_NO_SERVICE: nothing},
            "networks": dict(networks),
            "volumes": dict(volumes),
        }
        with (
            self._written(model, self.project) as client,
            _mapped("docker compose up (networks, volumes)"),
        ):
            client.compose.up([_NO_SERVICE], detach=True, quiet=True)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Inside, no other command on this machine makes a proxy for this project."""
        with self._scratch.alone(self.project):
            self._children.wait_for_orphans()
            yield

    def wait_for_orphans(self) -> None:
        """Until no program of a killed command changes this project any more. Raises LockHeld."""
        self._children.wait_for_orphans()

    # ── the project beside it ────────────────────────────────────────────────────────────────

    def start_colours(self, colours: Sequence[ColourRelease]) -> None:
        for model in specs.merged(
            [(colour.release, specs.colour_model(colour)) for colour in colours]
        ):
            self.start_model(model)

    def start_replicas(self, colour: ColourRelease, containers: Collection[str]) -> None:
        self.start_model(specs.only(specs.colour_model(colour), containers))

    def placements(self, colour: ColourRelease) -> Mapping[str, Mapping[str, NetworkAttachment]]:
        return specs.places(specs.colour_model(colour))

    def start_model(self, model: Model) -> None:
        """Brings up this stand-alone file, always with new containers, never building."""
        services = " ".join(model["services"])
        with (
            self._written(model, model["name"]) as client,
            _mapped(f"docker compose up {services}"),
        ):
            client.compose.up(
                detach=True, force_recreate=True, renew_anon_volumes=True, no_build=True, quiet=True
            )

    def build_model(self, model: Model, *, renew: bool = False) -> None:
        """``renew``: from the newest base image and packages, with nothing from the cache."""
        with self._written(model, model["name"]) as client, _mapped("building the proxy's image"):
            _drain(client.compose.build(pull=renew, cache=not renew, stream_logs=True))

    def bring_up(self, model: Model, *, start: bool = True) -> None:
        with self._written(model, model["name"]) as client, _mapped("starting the proxy"):
            client.compose.up(detach=start, start=start, no_build=True, quiet=True)

    def take_down(self, model: Model) -> None:
        with self._written(model, model["name"]) as client, _mapped("docker compose down"):
            client.compose.down(volumes=True, quiet=True)

    def start_proxy(self, name: str) -> None:
        with _mapped(f"docker start {name}"):
            self._client().container.start(name)

    def remove_proxy(self, name: str) -> None:
        client = self._client()
        with _mapped(f"docker stop {name}", "no such container"):
            client.container.stop(name)
        with _mapped(f"docker rm {name}", "no such container"):
            client.container.remove(name, force=True, volumes=True)

    # ── containers and images ────────────────────────────────────────────────────────────────

    def remove(self, containers: Sequence[Container], *, keep_volumes: bool = False) -> None:
        if containers:
            client = self._client()
            with _mapped(f"docker stop {_names(containers)}", "no such container"):
                client.container.stop(_ids(containers))
            with _mapped(f"docker rm {_names(containers)}", "no such container"):
                client.container.remove(_ids(containers), force=True, volumes=not keep_volumes)

    def stop(self, containers: Sequence[Container]) -> None:
        with _mapped(f"docker stop {_names(containers)}"):
            self._client().container.stop(_ids(containers))

    def start(self, containers: Sequence[Container]) -> None:
        with _mapped(f"docker start {_names(containers)}"):
            self._client().container.start(_ids(containers))

    def connect(self, container: Container, network: str, place: NetworkAttachment) -> None:
        client = self._client()
        with _mapped(f"docker network disconnect {network} {container.name}", "is not connected"):
            client.network.disconnect(network, container.id, force=True)
        alias = place.aliases[0] if place.aliases else None
        with _mapped(f"docker network connect {network} {container.name}"):
            client.network.connect(network, container.id, alias=alias, ip=place.address)

    def tag(self, image_id: str, reference: str) -> None:
        with _mapped(f"docker tag {image_id} {reference}"):
            self._client().image.tag(image_id, reference)

    def untag(self, reference: str) -> None:
        with _mapped(f"docker rmi {reference}", "no such image"):
            self._client().image.remove(reference)

    def remove_image(self, image_id: str) -> bool:
        try:
            with _mapped(f"docker rmi {image_id}", "no such image"):
                self._client().image.remove(image_id)
        except ComposeFailed:
            return False
        return True

    # ── how ──────────────────────────────────────────────────────────────────────────────────

    def _client(self, *prefix: str, changes: bool = True, **options: Any) -> DockerClient:
        """``prefix`` comes before ``docker`` on the command line."""
        arrived(WHALES)
        from python_on_whales import DockerClient  # noqa: PLC0415 - 200 ms

        launcher = self._children.launcher(changes=changes)
        return DockerClient(client_call=[*prefix, *launcher, "docker"], **options)

    def _base(self) -> DockerClient:
        location = self._location
        return self._client(
            compose_files=list(location.files),
            compose_project_name=self.project,
            compose_env_files=list(location.env_files),
            compose_profiles=list(location.profiles),
            compose_project_directory=location.project_directory,
        )

    @contextmanager
    def _written(
        self, model: Model, project: str, *, changes: bool = True
    ) -> Iterator[DockerClient]:
        """Writes a model of ours, for a client that ignores COMPOSE_ variables and ``.env``."""
        name = f"{companion(self.project)}.yaml"
        with self._scratch.file(name) as file:
            learn(model)
            self._scratch.write(file, config_yaml.text(model))
            yield self._client(
                *without_compose_variables(os.environ),
                changes=changes,
                compose_files=[file],
                compose_project_name=project,
                compose_env_files=[os.devnull],
                compose_project_directory=self._location.project_directory or Path.cwd(),
            )


def without_compose_variables(environ: Iterable[str]) -> list[str]:
    """The start of a command line that runs the rest of it without the user's COMPOSE_ variables.

    COMPOSE_REMOVE_ORPHANS above all: to the model of one colour, the other colour is an orphan.
    python-on-whales passes on the environment of this process, which several threads may share, so
    ``env`` changes it for the one call. Its arguments name variables, and never have their values.
    """
    names = sorted(name for name in environ if name.startswith("COMPOSE_"))
    unset = [word for name in names for word in ("-u", name)]
    return ["env", *unset, "COMPOSE_IGNORE_ORPHANS=true", "COMPOSE_REMOVE_ORPHANS=false"]


@contextmanager
def _mapped(command: str, *fine: str) -> Iterator[None]:
    """``fine`` are endings that mean that there was nothing left to do."""
    arrived(WHALES)
    from python_on_whales.exceptions import DockerException  # noqa: PLC0415

    try:
        yield
    except DockerException as error:
        output = (error.stderr or error.stdout or "").strip()
        if any(ending in output.lower() for ending in fine):
            return
        raise ComposeFailed(
            f"{command} failed",
            detail="\n".join(output.splitlines()[-_LAST_LINES:]),
            hint=_hint(command, output),
        ) from error


def _hint(command: str, output: str) -> str:
    if address_pools.are_in_use(output):
        return address_pools.MORE_RANGES
    return f"{command} tells the whole of it" if command.startswith("docker") else "docker info"


def _ids(containers: Sequence[Container]) -> list[str]:
    return [container.id for container in containers]


def _names(containers: Sequence[Container]) -> str:
    return " ".join(container.name for container in containers)


def _drain(stream: Any) -> None:
    """A stream of python-on-whales runs only while it is read."""
    for _ in stream:
        pass
