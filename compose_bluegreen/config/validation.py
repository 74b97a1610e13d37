"""Refuses by file, service and key what can't run in two colours."""

from __future__ import annotations

from collections.abc import Iterable

from compose_bluegreen.config.compose_file import (
    NAME,
    ManagedService,
    Project,
    PublishedPort,
    host,
)
from compose_bluegreen.config.settings import ServiceSettings
from compose_bluegreen.domain.errors import BadSetting
from compose_bluegreen.domain.image_reference import is_reference
from compose_bluegreen.domain.names import KEY
from compose_bluegreen.domain.release import Model
from compose_bluegreen.domain.route_conflicts import PortUser, find_conflicts

REFUSED = {
    "network_mode": "both colours and the proxy must meet on networks of their own",
    "links": "a link names one container, and a colour comes and goes; use the service's name",
    "volumes_from": "it names one container, and a colour comes and goes; use a named volume",
    "mac_address": "two colours can't both have it",
}

REFUSED_ON_A_NETWORK = ("ipv4_address", "ipv6_address", "link_local_ips", "mac_address")


def refuse_what_two_colours_cannot_share(model: Model, where: str) -> None:
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


def refuse_odd_workers(settings: ServiceSettings, model: Model, where: str) -> None:
    if settings.order == "stop-first" and not settings.is_worker:
        raise BadSetting(
            f"{where}.{KEY}.order",
            "what has traffic is started first, or nobody would be served",
            hint="`order: stop-first` is for `traffic: none`",
        )
    if settings.is_worker and model.get("ports"):
        raise BadSetting(
            f"{where}.ports",
            "with `traffic: none` nothing is routed to it, and two colours can't both have a port",
            hint="remove `ports:`, or `traffic: none`",
        )


def refuse_odd_names(model: Model, where: str) -> None:
    """They reach Docker's command line and HAProxy's configuration."""
    image = model.get("image")
    if image and not is_reference(image):
        raise BadSetting(
            f"{where}.image", f"{image[:80]!r} is no image's name", hint="write it as in name:tag"
        )
    for key, own in (model.get("networks") or {}).items():
        for alias in (own or {}).get("aliases") or ():
            if not NAME.fullmatch(alias):
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


def refuse_odd_previews(
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


def refuse_endless_waits(project: Project) -> None:
    for service in project.services.values():
        for name, condition in service.dependencies.items():
            if condition == "service_completed_successfully" and name in project.services:
                raise BadSetting(
                    f"{project.file}: services.{service.name}.depends_on.{name}",
                    f"{name} is released to stay, so it never completes",
                    hint=f"remove {KEY} from {name}, and it runs once before {service.name}",
                )


def refuse_shared_previews(project: Project) -> None:
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


def refuse_shared_ports(project: Project) -> None:
    """Over plain TCP nothing says which service a caller inside the project meant."""
    owners: dict[int, list[ManagedService]] = {}
    for service in project.services.values():
        if service.settings.is_worker:
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


def refuse_what_no_port_can_do(
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


def refuse_ambiguous_ports(project: Project) -> None:
    behind: dict[str, list[PortUser]] = {}
    for service in project.services.values():
        own = service.settings
        for port in service.published:
            sharer = PortUser(
                service.name, own.hosts, own.paths, service.speaks_tls(port), own.mode
            )
            if port.host_port:
                behind.setdefault(port.where, []).append(sharer)
    for where, port_users in behind.items():
        for conflict in find_conflicts(port_users):
            raise BadSetting(
                f"{project.file}: services.{conflict.service}.{KEY}.{conflict.key}",
                f"{conflict.problem} ({host(where)[1]})",
                hint=conflict.remedy,
            )


def refuse_tls_without_certificates(project: Project) -> None:
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
