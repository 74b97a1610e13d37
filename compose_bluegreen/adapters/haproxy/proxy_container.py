"""The proxy's container and its volumes, as the Docker API shows and fills them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import docker.errors

from compose_bluegreen.adapters.haproxy import container_spec, creation_lock
from compose_bluegreen.adapters.haproxy.config import HOSTS, STATE
from compose_bluegreen.adapters.haproxy.proxy_image import REPOSITORY
from compose_bluegreen.adapters.system import tar
from compose_bluegreen.domain.errors import EngineUnreachable, ProxyFailed
from compose_bluegreen.domain.hints import Action, Hint
from compose_bluegreen.domain.names import JOURNAL_FOLDER, LABEL, proxy_name
from compose_bluegreen.domain.topology import MONITOR_PORT, Topology

_ENDS_WITHIN = 20
"""Seconds that Docker has to end a container that was killed."""


class ProxyContainer:
    """``api`` is the docker SDK's low-level client (``engine.Client``)."""

    def __init__(self, project: str, api: Any) -> None:
        self.usual_name = self.name = proxy_name(project)
        self._project = project
        self._api = api
        self._files_users: dict[str, str] = {}

    # ── the container ────────────────────────────────────────────────────────────────────────

    def status(self) -> str | None:
        """As Docker names it (``running``, ``exited``, …), None where there is no container."""
        attributes = self._inspect()
        return str(attributes["State"]["Status"]) if attributes else None

    def made_for(self) -> str | None:
        """The label; None without a container, or for one from before that label existed."""
        attributes = self._inspect()
        label: str | None = (
            attributes["Config"]["Labels"].get(container_spec.MADE_FOR) if attributes else None
        )
        return label

    def files_user(self, name: str) -> str:
        """The user that runs the shell in this container; empty for HAProxy's own user, as in a container of
        an earlier version. Looked up once for a container that does not change meanwhile."""
        if name not in self._files_users:
            with suppress(docker.errors.NotFound):
                self._note_files_user(name, self._api.inspect_container(name))
        return self._files_users.get(name, "")

    def _note_files_user(self, name: str, attributes: dict[str, Any]) -> None:
        labels = attributes["Config"]["Labels"] or {}
        self._files_users[name] = labels.get(container_spec.FILES_USER_LABEL, "")

    def log_tail(self) -> str:
        return str(self._api.logs(self.name, tail=15).decode(errors="replace"))

    def log(self, *, follow: bool, tail: int | None) -> Iterator[bytes]:
        last = "all" if tail is None else tail
        lines: Iterator[bytes] = self._api.logs(self.name, stream=True, follow=follow, tail=last)
        return lines

    def monitor_address(self) -> str | None:
        """``host:port`` of statistics and metrics."""
        attributes = self._inspect()
        ports = attributes["NetworkSettings"]["Ports"] or {} if attributes else {}
        bound = ports.get(f"{MONITOR_PORT}/tcp") or []
        return f"{bound[0]['HostIp']}:{bound[0]['HostPort']}" if bound else None

    def image_id(self) -> str | None:
        """The image that it was created from; None without a container."""
        attributes = self._inspect()
        return str(attributes["Image"]) if attributes else None

    def has_image(self, reference: str) -> bool:
        """Whether the engine has an image."""
        try:
            self._api.inspect_image(reference)
        except docker.errors.NotFound:
            return False
        return True

    def join(self, network: str, aliases: Sequence[str]) -> None:
        """Disconnects first: Docker may record a container on a network where it is not."""
        with suppress(docker.errors.NotFound, EngineUnreachable):
            self._api.disconnect_container_from_network(self.name, network, force=True)
        self._connect(network, aliases)

    @contextmanager
    def alone(self, image: str) -> Iterator[None]:
        """No other command creates this proxy, on any machine. Where the engine does not have the
        image yet, the exclusion is that of two machines with ``docker compose up``."""
        if not self.has_image(image):
            yield
            return
        with creation_lock.alone(self._api, f"{self.name}-maker", image):
            yield

    # ── the container that replaces it ───────────────────────────────────────────────────────

    def compose_service(self) -> str:
        """Its service in the compose file of the proxy."""
        attributes = self._inspect()
        labels = attributes["Config"]["Labels"] if attributes else {}
        return str(labels.get("com.docker.compose.service", container_spec.SERVICE))

    def remove_successor(self) -> None:
        """Also one that a killed command left."""
        with suppress(docker.errors.NotFound):
            self._api.remove_container(
                container_spec.successor_name(self._project), force=True, v=True
            )

    def can_hand_over(self) -> bool:
        """A container of an earlier version ends with its HAProxy."""
        return bool(self.files_user(self.name))

    def created_from(self) -> str:
        """The reference of its image; empty without a container."""
        attributes = self._inspect()
        return str(attributes["Config"]["Image"]) if attributes else ""

    def kill_processes(self, pids: Sequence[str]) -> None:
        """Of HAProxy, by its own user: no other user may."""
        created = self._api.exec_create(self.name, ["kill", "-KILL", *pids], user="haproxy")
        self._api.exec_start(created["Id"])

    def signal(self, name: str, number: str) -> None:
        self._api.kill(name, number)

    def end(self, name: str) -> None:
        """At once; returns when its ports are free. ``restart: always`` does not start it again."""
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
        """Its ports, through the first network, then its names on the others."""
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
                f"can't connect {self.name} to {network}: one of them is gone",
                hint=Hint(Action.STATUS),
            ) from error

    def succeed(self) -> None:
        """Removes the old container and gives its name to the new one."""
        self._files_users.clear()
        with suppress(docker.errors.NotFound):
            self._api.remove_container(self.usual_name, force=True, v=True)
        self._api.rename(container_spec.successor_name(self._project), self.usual_name)
        self.name = self.usual_name

    # ── files on its volume ──────────────────────────────────────────────────────────────────

    def read(self, file: str) -> str | None:
        """Whether the container runs or not, and even where it was removed; None without a file."""
        return self._file_in(file, self.name) if self.status() else self._file_in_volume(file)

    def write(self, files: Mapping[str, str]) -> None:
        """For HAProxy to read, which is of the volume's group. Snippets may hold passwords."""
        owner = self._volume_owner()
        # Where the folder is root's, HAProxy must still be able to change the files there.
        self._put(tar.pack(files, 0o640 if owner[0] else 0o666, owner))

    def write_folder(self, folder: str, files: Mapping[str, str]) -> None:
        owner = self._volume_owner()
        self._put(tar.pack_folder(folder, files, 0o750 if owner[0] else 0o755, owner))

    def own_volumes(self, image: str, *, shared: bool = False) -> None:
        """Gives the files on both volumes to their user. ``shared`` leaves them to HAProxy's user too,
        which has the lock in a container of an earlier version. Needs both volumes."""
        script = container_spec.own_volumes(shared=shared)
        config = self._api.create_host_config(
            binds=[
                f"{container_spec.volume(self._project)}:{STATE}",
                f"{container_spec.journal(self._project)}:{JOURNAL_FOLDER}",
            ],
            network_mode="none",
            cap_drop=["ALL"],
            cap_add=["CHOWN", "DAC_OVERRIDE", "FOWNER"],
            security_opt=["no-new-privileges"],
        )
        with self._container_of(image, ["sh", "-c", script], config, user="0") as owner:
            self._api.start(owner)
            if self._api.wait(owner, timeout=_ENDS_WITHIN)["StatusCode"]:
                raise ProxyFailed(
                    "the proxy's volumes can't be given to their user",
                    detail=self._api.logs(owner).decode(errors="replace").strip(),
                    hint=f"proxy.image needs sh, chown and a group called haproxy: {image}",
                )

    def write_hosts(self, topology: Topology) -> None:
        """The clients that may read statistics: the Docker host, which is the gateway of each
        network. Docker chooses by which of them it publishes a port.
        """
        names = (container_spec.front(self._project), *topology.networks)
        gateways = sorted({address for name in names for address in self._gateways(name)})
        self.write({HOSTS: "".join(f"{address}\n" for address in gateways)})

    def _gateways(self, network: str) -> list[str]:
        try:
            pools = self._api.inspect_network(network)["IPAM"]["Config"] or []
        except docker.errors.NotFound:
            return []
        return [pool["Gateway"].partition("/")[0] for pool in pools if pool.get("Gateway")]

    def _volume_owner(self) -> tar.Owner:
        chunks, _ = self._api.get_archive(self.name, STATE)
        return tar.owner_of(b"".join(chunks))

    def _put(self, archive: bytes) -> None:
        self._api.put_archive(self.name, STATE, archive)

    def _file_in(self, file: str, container: str) -> str | None:
        archive = self._archive(container, f"{STATE}/{file}")
        if archive is None:
            return None
        return next(iter(tar.files(archive).values()), b"").decode(errors="replace")

    def _archive(self, container: str, path: str) -> bytes | None:
        try:
            chunks, _ = self._api.get_archive(container, path)
            return b"".join(chunks)
        except docker.errors.NotFound:
            return None

    def _file_in_volume(self, file: str) -> str | None:
        """The volume still has every address and route."""
        volume = container_spec.volume(self._project)
        images = self._api.images(name=REPOSITORY, quiet=True)
        if not images or not self._has_volume(volume):
            return None
        with self._reader(f"{volume}:{STATE}", images[0]) as reader:
            return self._file_in(file, reader)

    # ── the journal of history, on its volume ────────────────────────────────────────────────

    def create_journal(self) -> None:
        labels = {f"{LABEL}.project": self._project}
        self._api.create_volume(container_spec.journal(self._project), labels=labels)

    def journal(self) -> bytes | None:
        """As a tar; None where there is none."""
        if self.status():
            return self._archive(self.name, JOURNAL_FOLDER)
        with self._journal_reader() as reader:
            return self._archive(reader, JOURNAL_FOLDER) if reader else None

    def write_journal(self, files: Mapping[str, str]) -> None:
        """Where the proxy's shell is gone. The files belong to the owner of the folder."""
        with self._journal_reader() as reader:
            if reader is None:
                raise ProxyFailed("the engine has no image with which Docker could write a volume")
            owner = tar.owner_of(self._archive(reader, JOURNAL_FOLDER) or b"")
            packed = tar.pack(files, 0o600, owner)
            self._api.put_archive(reader, JOURNAL_FOLDER, packed)

    @contextmanager
    def _journal_reader(self) -> Iterator[str | None]:
        volume = container_spec.journal(self._project)
        images = self._api.images(name=REPOSITORY, quiet=True)
        images = images or self._api.images(quiet=True)  # it never starts, so any image will do
        if not images or not self._has_volume(volume):
            yield None
            return
        with self._reader(f"{volume}:{JOURNAL_FOLDER}", images[0]) as reader:
            yield reader

    def _has_volume(self, volume: str) -> bool:
        try:
            self._api.inspect_volume(volume)
        except docker.errors.NotFound:
            return False
        return True

    @contextmanager
    def _reader(self, bind: str, image: str) -> Iterator[str]:
        """A container that never starts."""
        config = self._api.create_host_config(binds=[bind])
        with self._container_of(image, ["true"], config) as reader:
            yield reader

    @contextmanager
    def _container_of(
        self, image: str, command: Sequence[str], config: Any, user: str | None = None
    ) -> Iterator[str]:
        created = self._api.create_container(
            image, [], entrypoint=list(command), host_config=config, user=user
        )
        try:
            yield str(created["Id"])
        finally:
            self._api.remove_container(created["Id"], v=True, force=True)

    # ── looking ──────────────────────────────────────────────────────────────────────────────

    def _inspect(self) -> dict[str, Any] | None:
        try:
            attributes: dict[str, Any] = self._api.inspect_container(self.name)
        except docker.errors.NotFound:
            return self._unnamed_successor()
        self._note_files_user(self.name, attributes)
        return attributes

    def _unnamed_successor(self) -> dict[str, Any] | None:
        """A command was killed before it gave the new container its name: it serves requests."""
        successor = container_spec.successor_name(self._project)
        try:
            attributes: dict[str, Any] = self._api.inspect_container(successor)
        except docker.errors.NotFound:
            return None
        if container_spec.front(self._project) not in attributes["NetworkSettings"]["Networks"]:
            return None
        with suppress(EngineUnreachable):  # another command was faster
            self._api.rename(successor, self.usual_name)
        return attributes
