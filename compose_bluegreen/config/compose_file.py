"""The released services of a compose file, as typed values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from compose_bluegreen.config.settings import ProjectSettings, ServiceSettings
from compose_bluegreen.config.types import is_port
from compose_bluegreen.domain.errors import BadSetting, UsageError
from compose_bluegreen.domain.names import KEY
from compose_bluegreen.domain.release import Model


@dataclass(frozen=True, slots=True)
class PublishedPort:
    host_ip: str
    host_port: str
    target: int

    @property
    def key(self) -> str:
        """``ip:port/tcp``, the key of this port in the proxy's topology."""
        return f"{self.host_ip}:{self.host_port}/tcp" + (
            "" if self.host_port else f"->{self.target}"
        )


def host(port_key: str) -> tuple[str, str]:
    """The host's address and port in ``PublishedPort.key``; either may be empty."""
    address, _, port = port_key.partition("/tcp")[0].rpartition(":")
    return address, port


def speaks_tls(settings: ServiceSettings, host_port: str) -> bool:
    tls = settings.tls
    return tls if isinstance(tls, bool) else host_port in map(str, tls)


@dataclass(frozen=True, slots=True)
class ManagedService:
    """A released service. ``model`` is its mapping as Compose resolved it, unchanged."""

    name: str
    settings: ServiceSettings
    model: Model
    port: int
    published: tuple[PublishedPort, ...]
    exposed: tuple[int, ...]
    networks: tuple[tuple[str, tuple[str, ...]], ...]
    """Network key to the aliases the user gave there."""

    def speaks_tls(self, port: PublishedPort) -> bool:
        """Whether the proxy speaks TLS on this published port."""
        return speaks_tls(self.settings, port.host_port)

    @property
    def container_ports(self) -> set[int]:
        """The ports at which the containers receive requests; none for a worker."""
        if self.settings.is_worker:
            return set()
        return {self.port, *self.exposed, *(published.target for published in self.published)}

    @property
    def builds(self) -> bool:
        return "build" in self.model

    @property
    def image(self) -> str | None:
        return self.model.get("image")

    @property
    def replicas(self) -> int:
        deploy = self.model.get("deploy") or {}
        return int(self.model.get("scale") or deploy.get("replicas") or 1)

    @property
    def dependencies(self) -> dict[str, str]:
        """Service to condition (``service_started``, ``service_healthy``, …), required ones only."""
        dependencies = self.model.get("depends_on") or {}
        return {
            name: dependency.get("condition", "service_started")
            for name, dependency in dependencies.items()
            if dependency.get("required", True)
        }


@dataclass(frozen=True, slots=True)
class Project:
    """``file`` is the compose file's name for messages, ``config`` the whole resolved file.

    ``services`` are the released services. ``certificates`` is the digest of the files in the
    certificates folder, "" without such a folder.
    """

    name: str
    file: str
    config: Model
    settings: ProjectSettings
    services: Mapping[str, ManagedService]
    certificates: str = ""

    def pick(self, names: Iterable[str]) -> tuple[ManagedService, ...]:
        """The named services, or all released ones; raises UsageError if one is not released."""
        picked = tuple(dict.fromkeys(names)) or tuple(self.services)
        for name in picked:
            if name in self.services:
                continue
            if name in self.config.get("services", {}):
                raise UsageError(
                    f"service {name!r} of {self.file} has no {KEY}",
                    hint=f"add `{KEY}: {{}}` to it, or start it with `docker compose up -d {name}`",
                )
            known = ", ".join(self.services) or "none"
            raise UsageError(
                f"{self.file} has no service {name!r}", hint=f"services with {KEY}: {known}"
            )
        if not picked:
            raise UsageError(
                f"no service of {self.file} has {KEY}",
                hint=f"add `{KEY}: {{}}` to each service that you want to release",
            )
        return tuple(self.services[name] for name in picked)

    def network_name(self, key: str) -> str:
        return str(self.config["networks"][key]["name"])


def published_port(port: Mapping[str, Any], location: str) -> PublishedPort:
    host_port = str(port.get("published") or "")
    host_port = "" if host_port == "0" else host_port  # with either, Docker chooses a port
    if port.get("protocol", "tcp") != "tcp":
        raise BadSetting(
            f"{location}.ports",
            f"{port['protocol']} can't be switched, only tcp can",
            hint=f"remove the {port['protocol']} port, or remove {KEY} from the service",
        )
    if "-" in host_port:
        raise BadSetting(
            f"{location}.ports",
            f"the proxy can't publish the range {host_port} for one port",
            hint="write a single port",
        )
    if host_port and not is_port(host_port):
        raise BadSetting(
            f"{location}.ports", f"{host_port[:80]!r} is not a port", hint="write 1 to 65535"
        )
    return PublishedPort(str(port.get("host_ip") or ""), host_port, int(port["target"]))


def exposed_port(port: object, location: str) -> int:
    number, _, protocol = str(port).partition("/")
    if protocol not in ("", "tcp") or not is_port(number):
        raise BadSetting(
            f"{location}.expose",
            f"{port!r} can't be switched, only single tcp ports can",
            hint=f"remove it from `expose:`, or remove {KEY} from the service",
        )
    return int(number)
