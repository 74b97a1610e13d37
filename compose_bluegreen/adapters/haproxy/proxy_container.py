"""The proxy's container, its volume and its network, as the Docker API shows and fills them."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from ipaddress import IPv4Network
from typing import Any

import docker.errors
from docker.types import IPAMConfig, IPAMPool

from compose_bluegreen.adapters.haproxy import container_spec, creation_lock
from compose_bluegreen.adapters.haproxy.config import HOSTS, STATE
from compose_bluegreen.adapters.haproxy.proxy_image import REPOSITORY
from compose_bluegreen.domain.errors import EngineUnreachable, ProxyFailed
from compose_bluegreen.domain.hints import Action, Hint
from compose_bluegreen.domain.names import LABEL
from compose_bluegreen.domain.topology import MONITOR_PORT, Topology

_ATTEMPTS = 5
_ENDS_WITHIN = 20
"""Seconds that Docker has to end a container that was killed."""


class Box:
    """``api`` is the docker SDK's low-level client (``engine.Client``)."""

    def __init__(self, project: str, api: Any) -> None:
        self.usual_name = self.name = container_spec.name(project)
        self._project = project
        self._api = api

    # ── the container ────────────────────────────────────────────────────────────────────────

    def status(self) -> str | None:
        """Docker's word (``running``, ``exited``, …), None where there is no container."""
        found = self._inspect()
        return str(found["State"]["Status"]) if found else None

    def made_for(self) -> str | None:
        """What its label says; None without a container, or from before there was that label."""
        found = self._inspect()
        label: str | None = (
            found["Config"]["Labels"].get(container_spec.MADE_FOR) if found else None
        )
        return label

    def log_tail(self) -> str:
        return str(self._api.logs(self.name, tail=15).decode(errors="replace"))

    def log(self, *, follow: bool, tail: int | None) -> Iterator[bytes]:
        last = "all" if tail is None else tail
        found: Iterator[bytes] = self._api.logs(self.name, stream=True, follow=follow, tail=last)
        return found

    def monitor_address(self) -> str | None:
        """``host:port`` of statistics and metrics."""
        found = self._inspect()
        ports = found["NetworkSettings"]["Ports"] or {} if found else {}
        bound = ports.get(f"{MONITOR_PORT}/tcp") or []
        return f"{bound[0]['HostIp']}:{bound[0]['HostPort']}" if bound else None

    def image_id(self) -> str | None:
        """The image that it was created from; None without a container."""
        found = self._inspect()
        return str(found["Image"]) if found else None

    def has_image(self, reference: str) -> bool:
        try:
            self._api.inspect_image(reference)
        except docker.errors.NotFound:
            return False
        return True

    def join(self, network: str, aliases: Sequence[str]) -> None:
        """Off and on again: Docker may believe that a container is where it isn't."""
        with suppress(docker.errors.NotFound, EngineUnreachable):
            self._api.disconnect_container_from_network(self.name, network, force=True)
        self._connect(network, aliases)

    # ── the one that takes its place ─────────────────────────────────────────────────────────

    def compose_service(self) -> str:
        """What Compose calls it."""
        found = self._inspect()
        labels = found["Config"]["Labels"] if found else {}
        return str(labels.get("com.docker.compose.service", container_spec.SERVICE))

    def remove_successor(self) -> None:
        """One that somebody left who was killed in the middle, too."""
        with suppress(docker.errors.NotFound):
            self._api.remove_container(
                container_spec.successor_name(self._project), force=True, v=True
            )

    def signal(self, name: str, number: str) -> None:
        self._api.kill(name, number)

    def end(self, name: str) -> None:
        """At once; returns when its ports are free. ``restart: always`` leaves it ended."""
        with suppress(docker.errors.NotFound, EngineUnreachable):
            self._api.kill(name)
        self._api.wait(name, timeout=_ENDS_WITHIN)

    def start(self, name: str) -> None:
        self._api.start(name)

    def has_front(self) -> bool:
        try:
            self._api.inspect_network(container_spec.front(self._project))
        except docker.errors.NotFound:
            return False
        return True

    def publish(self, networks: Mapping[str, Sequence[str]]) -> None:
        """Its ports, by the first network, then its names on the others."""
        every = {container_spec.front(self._project): (), **networks}
        for network, aliases in every.items():
            self._connect(network, aliases)

    def _connect(self, network: str, aliases: Sequence[str]) -> None:
        try:
            self._api.connect_container_to_network(
                self.name, network, aliases=[container_spec.SERVICE, *aliases]
            )
        except docker.errors.NotFound as error:
            raise ProxyFailed(
                f"can't put {self.name} on {network}: one of them is gone",
                hint=Hint(Action.STATUS),
            ) from error

    def succeed(self) -> None:
        """The old one is no more; the new one gets its name."""
        with suppress(docker.errors.NotFound):
            self._api.remove_container(self.usual_name, force=True, v=True)
        self._api.rename(container_spec.successor_name(self._project), self.usual_name)
        self.name = self.usual_name

    def link_socket(self) -> None:
        self._api.put_archive(self.name, STATE, container_spec.socket_link())

    # ── files on its volume ──────────────────────────────────────────────────────────────────

    def read(self, file: str) -> str | None:
        """Running or not, and even if somebody removed the container; None if there is none."""
        return self._archived(file, self.name) if self.status() else self._from_volume(file)

    def write(self, files: Mapping[str, str]) -> None:
        chunks, _ = self._api.get_archive(self.name, STATE)
        owner = container_spec.owner(chunks)
        # Snippets may hold passwords. Where the folder is root's, HAProxy must still be able to
        # change what we put there.
        packed = container_spec.archive(files, 0o600 if owner[0] else 0o666, owner)
        self._api.put_archive(self.name, STATE, packed)

    def write_folder(self, folder: str, files: Mapping[str, str]) -> None:
        """For secrets: nobody but HAProxy gets into it."""
        chunks, _ = self._api.get_archive(self.name, STATE)
        packed = container_spec.folder_archive(folder, files, container_spec.owner(chunks))
        self._api.put_archive(self.name, STATE, packed)

    def _archived(self, file: str, where: str) -> str | None:
        try:
            chunks, _ = self._api.get_archive(where, f"{STATE}/{file}")
        except docker.errors.NotFound:
            return None
        return container_spec.unpack(chunks)

    def _from_volume(self, file: str) -> str | None:
        """The volume still knows every seat and route."""
        volume = container_spec.volume(self._project)
        images = self._api.images(name=REPOSITORY, quiet=True)
        try:
            self._api.inspect_volume(volume)
        except docker.errors.NotFound:
            return None
        if not images:
            return None
        with self._reader(f"{volume}:{STATE}", images[0]) as reader:
            return self._archived(file, reader)

    # ── the journal of history, on its volume ────────────────────────────────────────────────

    def make_journal(self) -> None:
        labels = {f"{LABEL}.project": self._project}
        self._api.create_volume(container_spec.journal(self._project), labels=labels)

    def own_journal(self, image: str) -> None:
        """An empty volume takes its owner and its mode from the image's own folder."""
        volume = f"{container_spec.journal(self._project)}:{STATE}"
        with self._reader(volume, image):
            pass

    def journal(self) -> bytes | None:
        """As a tar; None where there is none."""
        if self.status():
            return self._tar(self.name)
        with self._journal_reader() as reader:
            return self._tar(reader) if reader else None

    def write_journal(self, files: Mapping[str, str]) -> None:
        """Where the proxy's shell is gone: what is there goes on belonging to whom it does."""
        with self._journal_reader() as reader:
            if reader is None:
                raise ProxyFailed("there is no image here by which Docker could write to a volume")
            packed = self._tar(reader) or b""
            with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
                folder = tar.getmembers()[0]
            entries = container_spec.archive(files, 0o600, (folder.uid, folder.gid))
            self._api.put_archive(reader, container_spec.JOURNAL, entries)

    def _tar(self, where: str) -> bytes | None:
        try:
            chunks, _ = self._api.get_archive(where, container_spec.JOURNAL)
            return b"".join(chunks)
        except docker.errors.NotFound:
            return None

    @contextmanager
    def _journal_reader(self) -> Iterator[str | None]:
        volume = container_spec.journal(self._project)
        images = self._api.images(name=REPOSITORY, quiet=True)
        images = images or self._api.images(quiet=True)  # it never starts: any will do
        try:
            self._api.inspect_volume(volume)
        except docker.errors.NotFound:
            images = []
        if not images:
            yield None
            return
        with self._reader(f"{volume}:{container_spec.JOURNAL}", images[0]) as reader:
            yield reader

    @contextmanager
    def _reader(self, bind: str, image: str) -> Iterator[str]:
        """A container that never starts."""
        config = self._api.create_host_config(binds=[bind])
        reader = str(self._api.create_container(image, ["true"], host_config=config)["Id"])
        try:
            yield reader
        finally:
            self._api.remove_container(reader, v=True)

    def write_hosts(self, topology: Topology) -> None:
        """Who may read statistics: the Docker host, which is the gateway of each network.

        By which of them Docker publishes a port is for Docker to choose.
        """
        names = (container_spec.front(self._project), *topology.networks)
        gateways = sorted({one for name in names for one in self._gateways(name)})
        self.write({HOSTS: "".join(f"{one}\n" for one in gateways)})

    def _gateways(self, network: str) -> list[str]:
        try:
            pools = self._api.inspect_network(network)["IPAM"]["Config"] or []
        except docker.errors.NotFound:
            return []
        return [pool["Gateway"].partition("/")[0] for pool in pools if pool.get("Gateway")]

    @contextmanager
    def alone(self, image: str) -> Iterator[None]:
        """Nobody else makes this proxy, at no machine. An image that isn't here yet can't help: then
        it is as ``docker compose up`` at two machines."""
        if not self.has_image(image):
            yield
            return
        with creation_lock.alone(self._api, f"{self.name}-maker", image):
            yield

    # ── the network that only the proxy and the colours share ────────────────────────────────

    def subnet(self) -> IPv4Network | None:
        try:
            network = self._api.inspect_network(container_spec.link(self._project))
        except docker.errors.NotFound:
            return None
        return IPv4Network(network["IPAM"]["Config"][0]["Subnet"])

    def make_link(self) -> IPv4Network:
        """Internal: it adds no way out of the project that the user didn't make.

        Only where a subnet is written down does Docker let us choose addresses. It knows which one
        is free: we let it choose, and write down what it chose, unless another was quicker.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            subnet = self._free_subnet()
            try:
                self._api.create_network(
                    container_spec.link(self._project),
                    internal=True,
                    ipam=IPAMConfig(pool_configs=[IPAMPool(subnet=str(subnet))]),
                    labels={f"{LABEL}.project": self._project},
                )
            except EngineUnreachable as error:
                if attempt == _ATTEMPTS or "overlaps" not in error.detail:
                    raise
            else:
                break
        return subnet

    def remove_link(self) -> None:
        with suppress(docker.errors.NotFound):
            self._api.remove_network(container_spec.link(self._project))

    def _free_subnet(self) -> IPv4Network:
        name = f"{container_spec.link(self._project)}-probe"
        try:
            probe = self._api.create_network(name, internal=True)["Id"]
        except docker.errors.NotFound as error:
            raise ProxyFailed(
                "Docker has no range of addresses left for a network",
                detail=str(error),
                hint="docker network prune removes those that nobody uses",
            ) from error
        try:
            return IPv4Network(self._api.inspect_network(probe)["IPAM"]["Config"][0]["Subnet"])
        finally:
            self._api.remove_network(probe)

    def _inspect(self) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._api.inspect_container(self.name)
        except docker.errors.NotFound:
            return self._heir()
        return found

    def _heir(self) -> dict[str, Any] | None:
        """Somebody was killed before he gave the new one its name: it serves all the same."""
        successor = container_spec.successor_name(self._project)
        try:
            found: dict[str, Any] = self._api.inspect_container(successor)
        except docker.errors.NotFound:
            return None
        if container_spec.front(self._project) not in found["NetworkSettings"]["Networks"]:
            return None
        with suppress(EngineUnreachable):  # somebody else was quicker
            self._api.rename(successor, self.usual_name)
        return found
