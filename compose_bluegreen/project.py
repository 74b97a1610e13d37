"""The user's project as Compose resolved it, and which of its services are ours to release.

``read`` refuses by name whatever can't be run in two colours, before anything moves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from compose_bluegreen.domain import Model
from compose_bluegreen.errors import BadSetting, UsageError
from compose_bluegreen.references import is_reference
from compose_bluegreen.settings import (
    KEY,
    ProjectSettings,
    ServiceSettings,
    project_settings,
    service_settings,
)
from compose_bluegreen.sharing import Sharer, clashes

REFUSED = {
    "network_mode": "both colours and the proxy must meet on networks of their own",
    "links": "a link names one container, and a colour comes and goes; use the service's name",
    "volumes_from": "it names one container, and a colour comes and goes; use a named volume",
    "mac_address": "two colours can't both have it",
}
_PORT = re.compile(r"[0-9]{1,5}")
_NAME = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9._-]{0,254}")
"""What begins with a dash is a flag to somebody."""
REFUSED_ON_A_NETWORK = ("ipv4_address", "ipv6_address", "link_local_ips", "mac_address")


@dataclass(frozen=True, slots=True)
class PublishedPort:
    host_ip: str
    host_port: str
    target: int

    @property
    def where(self) -> str:
        """``ip:port/tcp``, the key under which the proxy remembers it."""
        return f"{self.host_ip}:{self.host_port}/tcp" + (
            "" if self.host_port else f"->{self.target}"
        )


def host(where: str) -> tuple[str, str]:
    """The host's address and port in ``PublishedPort.where``; either may be empty."""
    address, _, port = where.partition("/tcp")[0].rpartition(":")
    return address, port


def speaks_tls(settings: ServiceSettings, host_port: str) -> bool:
    wanted = settings.tls
    return wanted if isinstance(wanted, bool) else host_port in map(str, wanted)


@dataclass(frozen=True, slots=True)
class ManagedService:
    """A service that opted in. ``model`` is Compose's resolved mapping of it, untouched."""

    name: str
    settings: ServiceSettings
    model: Model
    port: int
    published: tuple[PublishedPort, ...]
    exposed: tuple[int, ...]
    networks: tuple[tuple[str, tuple[str, ...]], ...]
    """Network key to the aliases the user gave there."""

    def speaks_tls(self, port: PublishedPort) -> bool:
        """On the host's side."""
        return speaks_tls(self.settings, port.host_port)

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
        wanted = self.model.get("depends_on") or {}
        return {
            name: how.get("condition", "service_started")
            for name, how in wanted.items()
            if how.get("required", True)
        }


@dataclass(frozen=True, slots=True)
class Project:
    """``file`` is the compose file's name for messages, ``config`` the whole resolved file.

    ``certificates`` is the digest of what is in the folder that the file names, "" without one.
    """

    name: str
    file: str
    config: Model
    settings: ProjectSettings
    services: Mapping[str, ManagedService]
    certificates: str = ""

    def pick(self, names: Iterable[str]) -> tuple[ManagedService, ...]:
        """The services named, or all of ours; raises UsageError for one that isn't."""
        wanted = tuple(dict.fromkeys(names)) or tuple(self.services)
        for name in wanted:
            if name in self.services:
                continue
            if name in self.config.get("services", {}):
                raise UsageError(
                    f"service {name!r} of {self.file} doesn't opt in",
                    hint=f"add `{KEY}: {{}}` to it, or leave it to `docker compose up -d {name}`",
                )
            known = ", ".join(self.services) or "none"
            raise UsageError(
                f"{self.file} has no service {name!r}", hint=f"services with {KEY}: {known}"
            )
        if not wanted:
            raise UsageError(
                f"no service of {self.file} opts in",
                hint=f"add `{KEY}: {{}}` to the service to release",
            )
        return tuple(self.services[name] for name in wanted)

    def network_name(self, key: str) -> str:
        return str(self.config["networks"][key]["name"])

    def volume_name(self, key: str) -> str:
        return str(self.config["volumes"][key]["name"])


def read(config: Model, file: str) -> Project:
    """``config`` is the YAML of ``docker compose config``. Raises BadSetting."""
    settings = project_settings(config.get(KEY), f"{file}: {KEY}")
    services = {}
    for name, model in config.get("services", {}).items():
        if KEY not in model:
            continue
        own = service_settings(model[KEY], settings, f"{file}: services.{name}.{KEY}")
        if own is not None:
            services[name] = _managed(name, model, own, f"{file}: services.{name}")
    project = Project(config["name"], file, config, settings, services)
    _refuse_shared_ports(project)
    _refuse_endless_waits(project)
    _refuse_shared_previews(project)
    _refuse_ambiguous_ports(project)
    _refuse_tls_without_certificates(project)
    return project


def _managed(name: str, model: Model, settings: ServiceSettings, where: str) -> ManagedService:
    _refuse_what_two_colours_cannot_share(model, where)
    if not _NAME.fullmatch(name):
        raise BadSetting(where, "a service that is released can't have that name")
    _refuse_odd_names(model, where)
    _refuse_odd_workers(settings, model, where)
    published = tuple(_published(port, where) for port in model.get("ports") or ())
    exposed = tuple(_exposed(port, where) for port in model.get("expose") or ())
    targets = [port.target for port in published] + list(exposed)
    _refuse_what_no_port_can_do(settings, published, f"{where}.{KEY}")
    port = 0 if settings.works_unasked else settings.port or next(iter(targets), None)
    if port is None:
        raise BadSetting(
            f"{where}.{KEY}.port",
            "no port to route to",
            hint="set it to the port the container listens on, or add `ports:` or `expose:`;"
            " a worker that nobody asks has `traffic: none`",
        )
    _refuse_odd_previews(settings, published, where)
    networks = tuple(
        (key, tuple((own or {}).get("aliases") or ()))
        for key, own in (model.get("networks") or {"default": None}).items()
    )
    return ManagedService(name, settings, model, port, published, exposed, networks)


def _refuse_what_two_colours_cannot_share(model: Model, where: str) -> None:
    for key, why in REFUSED.items():
        if model.get(key):
            raise BadSetting(f"{where}.{key}", f"can't be released blue/green: {why}")
    for key, own in (model.get("networks") or {}).items():
        for fixed in REFUSED_ON_A_NETWORK:
            if (own or {}).get(fixed):
                raise BadSetting(
                    f"{where}.networks.{key}.{fixed}",
                    "can't be released blue/green: two colours can't both have it",
                    hint="remove it; other services reach the live colour by the service's name",
                )
    for key in ("pid", "ipc", "cgroup"):
        if str(model.get(key, "")).startswith(("service:", "container:")):
            raise BadSetting(
                f"{where}.{key}", "can't be released blue/green: it names one container"
            )
    _refuse_odd_scales(model, where)


def _refuse_odd_workers(settings: ServiceSettings, model: Model, where: str) -> None:
    if settings.order == "stop-first" and not settings.works_unasked:
        raise BadSetting(
            f"{where}.{KEY}.order",
            "what has traffic is started first, or nobody would be served",
            hint="`order: stop-first` is for `traffic: none`",
        )
    if settings.works_unasked and model.get("ports"):
        raise BadSetting(
            f"{where}.ports",
            "with `traffic: none` nothing is routed to it, and two colours can't both have a port",
            hint="remove `ports:`, or `traffic: none`",
        )


def _refuse_odd_names(model: Model, where: str) -> None:
    """They reach Docker's command line and HAProxy's configuration."""
    image = model.get("image")
    if image and not is_reference(image):
        raise BadSetting(
            f"{where}.image", f"{image[:80]!r} is no image's name", hint="write it as in name:tag"
        )
    for key, own in (model.get("networks") or {}).items():
        for alias in (own or {}).get("aliases") or ():
            if not _NAME.fullmatch(alias):
                raise BadSetting(
                    f"{where}.networks.{key}.aliases",
                    f"{alias[:80]!r} can't be asked for by HTTP",
                    hint="letters, numbers, - _ and . only",
                )


def _refuse_odd_scales(model: Model, where: str) -> None:
    deploy = model.get("deploy") or {}
    if deploy.get("mode", "replicated") != "replicated":
        raise BadSetting(f"{where}.deploy.mode", f"{deploy['mode']!r} can't be released blue/green")
    if 0 in (model.get("scale"), deploy.get("replicas")):
        raise BadSetting(
            f"{where}.deploy.replicas", "0 leaves nothing to release", hint="set it to 1 or more"
        )


def _refuse_odd_previews(
    settings: ServiceSettings, published: Iterable[PublishedPort], where: str
) -> None:
    preview = settings.preview
    if preview.key and settings.mode == "tcp":
        raise BadSetting(
            f"{where}.{KEY}.preview.key",
            "with `mode: tcp` the proxy sees no header and no cookie",
            hint="use preview.port",
        )
    if any(one.host_port == str(preview.port) for one in published):
        raise BadSetting(
            f"{where}.{KEY}.preview.port",
            f"{preview.port} is among its `ports:`, where everybody meets the live colour",
            hint="take another port",
        )


def _published(port: Mapping[str, Any], where: str) -> PublishedPort:
    host_port = str(port.get("published") or "")
    host_port = "" if host_port == "0" else host_port  # either lets Docker choose
    if port.get("protocol", "tcp") != "tcp":
        raise BadSetting(f"{where}.ports", f"{port['protocol']} can't be switched, only tcp can")
    if "-" in host_port:
        raise BadSetting(
            f"{where}.ports",
            f"the range {host_port} for one port can't be taken over",
            hint="name one port",
        )
    if host_port and not _is_port(host_port):
        raise BadSetting(f"{where}.ports", f"{host_port[:80]!r} is no port", hint="1 to 65535")
    return PublishedPort(str(port.get("host_ip") or ""), host_port, int(port["target"]))


def _is_port(text: str) -> bool:
    return _PORT.fullmatch(text) is not None and 0 < int(text) < 65536


def _exposed(port: object, where: str) -> int:
    number, _, protocol = str(port).partition("/")
    if protocol not in ("", "tcp") or not _is_port(number):
        raise BadSetting(
            f"{where}.expose", f"{port!r} can't be switched, only single tcp ports can"
        )
    return int(number)


def _refuse_endless_waits(project: Project) -> None:
    for service in project.services.values():
        for name, condition in service.dependencies.items():
            if condition == "service_completed_successfully" and name in project.services:
                raise BadSetting(
                    f"{project.file}: services.{service.name}.depends_on.{name}",
                    f"{name} is released to stay, so it never completes",
                    hint=f"remove {KEY} from {name}, and it runs once before {service.name}",
                )


def _refuse_shared_previews(project: Project) -> None:
    owners: dict[str, str] = {}
    for service in project.services.values():
        for port in (one.host_port for one in service.published if one.host_port):
            owners.setdefault(port, service.name)
    for service in project.services.values():
        port = str(service.settings.preview.port or "")
        if port and owners.setdefault(port, service.name) != service.name:
            raise BadSetting(
                f"{project.file}: services.{service.name}.{KEY}.preview.port",
                f"{port} is a port of {owners[port]} already",
                hint="give each service a port of its own",
            )


def _refuse_shared_ports(project: Project) -> None:
    """Over plain TCP nothing says which service a caller inside the project meant."""
    owners: dict[int, list[ManagedService]] = {}
    for service in project.services.values():
        if service.settings.works_unasked:
            continue
        for port in {service.port, *service.exposed, *(one.target for one in service.published)}:
            owners.setdefault(port, []).append(service)
    for port, services in owners.items():
        if len(services) > 1 and any(one.settings.mode == "tcp" for one in services):
            names = " and ".join(one.name for one in services)
            raise BadSetting(
                f"{project.file}: services.{services[0].name}.{KEY}.port",
                f"{names} both listen on {port}, and with `mode: tcp` the proxy can't tell them apart",
                hint="let one of them listen on another port",
            )


def _refuse_what_no_port_can_do(
    settings: ServiceSettings, published: Iterable[PublishedPort], where: str
) -> None:
    known = {port.host_port for port in published}
    wanted = settings.tls if isinstance(settings.tls, tuple) else ()
    if missing := [port for port in wanted if str(port) not in known]:
        raise BadSetting(
            f"{where}.tls",
            f"the service doesn't publish {missing[0]}",
            hint="name ports of its `ports:`",
        )
    for key in ("tls", "hosts", "paths"):
        if getattr(settings, key) and not known:
            raise BadSetting(f"{where}.{key}", "the service publishes no port", hint="add `ports:`")
    for key in ("hosts", "paths"):
        if getattr(settings, key) and settings.mode == "tcp":
            raise BadSetting(
                f"{where}.{key}",
                "with `mode: tcp` the proxy sees neither hosts nor paths",
                hint="leave one of the two out",
            )


def _refuse_ambiguous_ports(project: Project) -> None:
    behind: dict[str, list[Sharer]] = {}
    for service in project.services.values():
        own = service.settings
        for port in service.published:
            sharer = Sharer(service.name, own.hosts, own.paths, service.speaks_tls(port), own.mode)
            if port.host_port:
                behind.setdefault(port.where, []).append(sharer)
    for where, sharers in behind.items():
        for clash in clashes(sharers):
            raise BadSetting(
                f"{project.file}: services.{clash.service}.{KEY}.{clash.key}",
                f"{clash.why} ({host(where)[1]})",
                hint=clash.cure,
            )


def _refuse_tls_without_certificates(project: Project) -> None:
    if project.settings.proxy.certificates:
        return
    for service in project.services.values():
        if service.settings.tls:
            raise BadSetting(
                f"{project.file}: services.{service.name}.{KEY}.tls",
                "there is no certificate to speak TLS with",
                hint=f"name a folder of them: `{KEY}: {{proxy: {{certificates: ./certs}}}}`"
                " at the top level",
            )
