"""Reads the engine with the docker SDK's low-level client, without a process per query."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Event
from typing import Any

import docker.errors

from compose_bluegreen.adapters.compose.exec_command import run_in
from compose_bluegreen.adapters.compose.labels import (
    base_labels,
    colour_labels,
    hook_labels,
    proxy_labels,
    read_labels,
)
from compose_bluegreen.adapters.connection.client import Client
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import EngineUnreachable
from compose_bluegreen.domain.release import Image
from compose_bluegreen.ports.engine import Container, FailedProbe

_PROBE_OUTPUT = 4096
_AT_ONCE = 8
_TIMEOUT = timedelta(seconds=30)
"""Docker's own for a HEALTHCHECK without one."""


class SdkEngine:
    def __init__(self, api: Client) -> None:
        self._api = api
        self._identity = ""

    def identity(self) -> str:
        """Asked for once: ``info`` takes the engine ten milliseconds and more."""
        if not self._identity:
            self._identity = str(self._api.info()["ID"])
        return self._identity

    def image(self, reference: str) -> Image | None:
        try:
            image = self._api.inspect_image(reference)
        except docker.errors.NotFound:
            return None
        known = image.get("RepoDigests") or []
        return Image(reference, image["Id"], _repo_digest(reference, known))

    def built_at(self, image_id: str) -> datetime | None:
        try:
            created = self._api.inspect_image(image_id).get("Created")
        except docker.errors.NotFound:
            return None
        # The builder of an image may write another time zone there, or nothing.
        return datetime.fromisoformat(created).astimezone(UTC) if created else None

    def colour_containers(
        self, project: str, service: str | None = None, colour: Colour | None = None
    ) -> list[Container]:
        containers = self._labelled(colour_labels(project, service, colour))
        return [container for container in containers if container.colour]

    def compose_containers(self, project: str, service: str | None = None) -> list[Container]:
        return self._labelled(base_labels(project, service))

    def hook_containers(self, project: str) -> list[Container]:
        return self._labelled(hook_labels(project))

    def proxy_container(self, project: str) -> Container | None:
        return next(iter(self._labelled(proxy_labels(project))), None)

    def used_images(self) -> set[str]:
        return {str(row["ImageID"]) for row in self._api.containers(all=True)}

    def _labelled(self, labels: Mapping[str, str]) -> list[Container]:
        filters = [f"{key}={value}" for key, value in labels.items()]
        rows = self._api.containers(all=True, filters={"label": filters})
        containers = [self._container(row["Id"]) for row in rows]
        return sorted(
            (container for container in containers if container),
            key=lambda container: container.name,
        )

    def attached(self, network: str) -> list[Container]:
        try:
            ids = self._api.inspect_network(network).get("Containers") or {}
        except docker.errors.NotFound:
            return []
        containers = [
            self._container(container_id)
            for container_id in ids
            if not container_id.startswith("ep-")
        ]
        return sorted(
            (container for container in containers if container),
            key=lambda container: container.name,
        )

    def probe(self, container: Container, timeout: timedelta) -> FailedProbe | None:
        return self._probe(container, timeout, lambda: True)

    def probe_all(
        self, containers: Sequence[Container], timeout: timedelta
    ) -> list[FailedProbe | None]:
        if len(containers) < 2:
            return [self.probe(container, timeout) for container in containers]
        interrupted = Event()
        probe = partial(self._probe, timeout=timeout, goes_on=lambda: not interrupted.is_set())
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            try:
                return list(threads.map(probe, containers))
            except BaseException:
                interrupted.set()
                threads.shutdown(wait=False, cancel_futures=True)
                raise

    def _probe(
        self, container: Container, timeout: timedelta, goes_on: Callable[[], bool]
    ) -> FailedProbe | None:
        try:
            check = self._api.inspect_container(container.id)["Config"].get("Healthcheck") or {}
            command = _command(check.get("Test") or [])
            if command is None:
                return None
            patience = min(timeout, _timeout(check))
            deadline = time.monotonic() + patience.total_seconds()
            code, output = run_in(self._api, container.id, command, deadline, goes_on=goes_on)
        except docker.errors.NotFound:
            return FailedProbe("the container is gone")
        except EngineUnreachable as error:
            # It may just have stopped; whether it runs is looked at anyway.
            return FailedProbe(error.detail)
        if code == 0:
            return None
        text = output[-_PROBE_OUTPUT:].decode(errors="replace")
        return FailedProbe(text or f"exit code {code}", patience if code is None else None)

    def log_tail(self, container: Container, lines: int = 20) -> str:
        try:
            return str(self._api.logs(container.id, tail=lines).decode(errors="replace"))
        except (docker.errors.NotFound, EngineUnreachable) as error:
            return f"(no log: {error})"

    def tags(self, image_id: str) -> list[str]:
        try:
            return list(self._api.inspect_image(image_id).get("RepoTags") or [])
        except docker.errors.NotFound:
            return []

    def tagged(self, repository: str) -> dict[str, str]:
        rows = self._api.images(name=repository)
        return {tag: row["Id"] for row in rows for tag in row.get("RepoTags") or ()}

    def missing_networks(self, names: Iterable[str]) -> set[str]:
        wanted = set(names)
        return wanted - {network["Name"] for network in self._api.networks()} if wanted else set()

    def gateways(self, networks: Iterable[str]) -> dict[str, str]:
        wanted = set(networks)
        return {
            network["Name"]: pool["Gateway"].partition("/")[0]
            for network in self._api.networks()
            if network["Name"] in wanted and not network["Internal"]
            for pool in network["IPAM"]["Config"] or ()
            if pool.get("Gateway")
        }

    def missing_volumes(self, names: Iterable[str]) -> set[str]:
        wanted = set(names)
        known = self._api.volumes()["Volumes"] or [] if wanted else []
        return wanted - {volume["Name"] for volume in known}

    def _container(self, container_id: str) -> Container | None:
        try:
            attributes = self._api.inspect_container(container_id)
        except docker.errors.NotFound:
            return None
        state, networks = attributes["State"], attributes["NetworkSettings"]["Networks"] or {}
        ports = attributes["HostConfig"].get("PortBindings") or {}
        return Container(
            id=attributes["Id"],
            name=attributes["Name"].lstrip("/"),
            image_id=attributes["Image"],
            status=state["Status"],
            exit_code=int(state["ExitCode"]),
            restarts=int(attributes["RestartCount"]),
            health=(state.get("Health") or {}).get("Status"),
            started_at=_time(state["StartedAt"]),
            addresses={name: network["IPAddress"] for name, network in networks.items()},
            published=frozenset(
                f"{bound['HostIp']}:{bound['HostPort']}"
                for bounds in ports.values()
                for bound in bounds or ()
            ),
            **read_labels(attributes["Config"].get("Labels") or {}),
        )


def _repo_digest(reference: str, known: list[str]) -> str | None:
    """The digest under the name that was asked for, before any other name's."""
    repository = reference.partition("@")[0]
    head, _, last = repository.rpartition("/")
    bare = f"{head}/{last.partition(':')[0]}" if head else last.partition(":")[0]
    matching = (digest for digest in known if digest.partition("@")[0] == bare)
    return next(matching, known[0] if known else None)


def _command(test: list[str]) -> list[str] | None:
    if not test or test[0] == "NONE":
        return None
    return ["/bin/sh", "-c", test[1]] if test[0] == "CMD-SHELL" else test[1:]


def _timeout(check: Mapping[str, Any]) -> timedelta:
    """Of the HEALTHCHECK; Docker writes nanoseconds, and 0 for its default."""
    return timedelta(microseconds=check.get("Timeout", 0) / 1000) or _TIMEOUT


def _time(text: str) -> datetime | None:
    """Docker writes nanoseconds, and year 1 for never."""
    if text.startswith("0001-"):
        return None
    seconds, _, fraction = text.partition(".")
    return datetime.fromisoformat(f"{seconds.rstrip('Z')}.{fraction.rstrip('Z')[:6] or '0'}+00:00")
