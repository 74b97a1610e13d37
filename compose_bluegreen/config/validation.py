"""Refuses what can't run in two colours, with errors that name file, service and key."""

from __future__ import annotations

from collections.abc import Iterable

from compose_bluegreen.config.compose_file import (
    ManagedService,
    Project,
    PublishedPort,
    host,
)
from compose_bluegreen.config.settings import ServiceSettings
from compose_bluegreen.domain.errors import BadSetting
from compose_bluegreen.domain.image_reference import is_reference
from compose_bluegreen.domain.names import KEY, SERVICE_NAME
from compose_bluegreen.domain.release import Model
from compose_bluegreen.domain.route_conflicts import PortUser, find_conflicts

REFUSED = {
    "network_mode": "the proxy must reach both colours on a network of its own; remove it",
    "links": "a link belongs to one container, and each release has new ones; use the service's name",
    "volumes_from": "it belongs to one container, and each release has new ones; use a named volume",
    "mac_address": "two colours can't both have it; remove it",
}

REFUSED_ON_A_NETWORK = ("ipv4_address", "ipv6_address", "link_local_ips", "mac_address")


def refuse_what_two_colours_cannot_share(model: Model, location: str) -> None:
    for key, reason in REFUSED.items():
        if model.get(key):
            raise BadSetting(f"{location}.{key}", f"can't be released blue/green: {reason}")
    for key, network in (model.get("networks") or {}).items():
        for fixed in REFUSED_ON_A_NETWORK:
            if (network or {}).get(fixed):
                raise BadSetting(
                    f"{location}.networks.{key}.{fixed}",
                    "can't be released blue/green: two colours can't both have it",
                    hint="remove it; other services reach the live colour by the service's name",
                )
    for key in ("pid", "ipc", "cgroup"):
        if str(model.get(key, "")).startswith(("service:", "container:")):
            raise BadSetting(
                f"{location}.{key}",
                "can't be released blue/green: it belongs to one container, and each release has new ones",
                hint=f"remove it, or remove {KEY} from the service",
            )
    _refuse_odd_scales(model, location)


def refuse_odd_workers(settings: ServiceSettings, model: Model, location: str) -> None:
    if settings.order == "stop-first" and not settings.is_worker:
        raise BadSetting(
            f"{location}.{KEY}.order",
            "a service with traffic can't be stopped first, because requests would fail",
            hint="remove `order: stop-first`, or set `traffic: none` for a worker",
        )
    if settings.is_worker and model.get("ports"):
        raise BadSetting(
            f"{location}.ports",
            "with `traffic: none` the proxy publishes no port, and two colours can't both have it",
            hint="remove `ports:`, or `traffic: none`",
        )


def refuse_odd_names(model: Model, location: str) -> None:
    """Names are written to Docker's command line and to HAProxy's configuration."""
    image = model.get("image")
    if image and not is_reference(image):
        raise BadSetting(
            f"{location}.image",
            f"{image[:80]!r} is not an image name",
            hint="write it like name:tag",
        )
    for key, network in (model.get("networks") or {}).items():
        for alias in (network or {}).get("aliases") or ():
            if not SERVICE_NAME.fullmatch(alias):
                raise BadSetting(
                    f"{location}.networks.{key}.aliases",
                    f"{alias[:80]!r} is not allowed as a name in HTTP requests",
                    hint="use only letters, digits, `-`, `_` and `.`",
                )


def _refuse_odd_scales(model: Model, location: str) -> None:
    deploy = model.get("deploy") or {}
    if deploy.get("mode", "replicated") != "replicated":
        raise BadSetting(
            f"{location}.deploy.mode",
            f"{deploy['mode']!r} can't be released blue/green",
            hint="use `replicated`",
        )
    if 0 in (model.get("scale"), deploy.get("replicas")):
        raise BadSetting(
            f"{location}.deploy.replicas",
            "with 0 replicas there is nothing to release",
            hint="set it to 1 or more",
        )


def refuse_odd_previews(
    settings: ServiceSettings, published: Iterable[PublishedPort], location: str
) -> None:
    preview = settings.preview
    if preview.key and settings.mode == "tcp":
        raise BadSetting(
            f"{location}.{KEY}.preview.key",
            "with `mode: tcp` the proxy can't read headers or cookies",
            hint="use preview.port",
        )
    if any(port.host_port == str(preview.port) for port in published):
        raise BadSetting(
            f"{location}.{KEY}.preview.port",
            f"{preview.port} is also in `ports:`, where requests go to the live colour",
            hint="use another port",
        )


def refuse_endless_waits(project: Project) -> None:
    for service in project.services.values():
        for name, condition in service.dependencies.items():
            if condition == "service_completed_successfully" and name in project.services:
                raise BadSetting(
                    f"{project.file}: services.{service.name}.depends_on.{name}",
                    f"{name} is a released service that keeps running, so it never completes",
                    hint=f"remove {KEY} from {name}, so that it runs once before {service.name}",
                )


def refuse_shared_previews(project: Project) -> None:
    owners: dict[str, str] = {}
    for service in project.services.values():
        for published in service.published:
            if published.host_port:
                owners.setdefault(published.host_port, service.name)
    for service in project.services.values():
        port = str(service.settings.preview.port or "")
        if port and owners.setdefault(port, service.name) != service.name:
            raise BadSetting(
                f"{project.file}: services.{service.name}.{KEY}.preview.port",
                f"the service {owners[port]} uses port {port} already",
                hint="use a different port for each service",
            )


def refuse_shared_ports(project: Project) -> None:
    """With plain TCP, the proxy can't tell for which service a connection from the project is."""
    owners: dict[int, list[ManagedService]] = {}
    for service in project.services.values():
        for port in service.container_ports:
            owners.setdefault(port, []).append(service)
    for port, services in owners.items():
        if len(services) > 1 and any(service.settings.mode == "tcp" for service in services):
            names = " and ".join(service.name for service in services)
            raise BadSetting(
                f"{project.file}: services.{services[0].name}.{KEY}.port",
                f"{names} both listen on {port}, and with `mode: tcp` the proxy can't tell them apart",
                hint="make one of them listen on another port",
            )


def refuse_what_no_port_can_do(
    settings: ServiceSettings, published: Iterable[PublishedPort], location: str
) -> None:
    known = {port.host_port for port in published}
    listed = settings.tls if isinstance(settings.tls, tuple) else ()
    if missing := [port for port in listed if str(port) not in known]:
        raise BadSetting(
            f"{location}.tls",
            f"the service doesn't publish {missing[0]}",
            hint="list only ports of its `ports:`",
        )
    for key in ("tls", "hosts", "paths"):
        if getattr(settings, key) and not known:
            raise BadSetting(
                f"{location}.{key}", "the service publishes no port", hint="add `ports:`"
            )
    for key in ("hosts", "paths"):
        if getattr(settings, key) and settings.mode == "tcp":
            raise BadSetting(
                f"{location}.{key}",
                "with `mode: tcp` the proxy can't read hosts or paths",
                hint=f"remove `{key}:` or `mode: tcp`",
            )


def refuse_ambiguous_ports(project: Project) -> None:
    behind: dict[str, list[PortUser]] = {}
    for service in project.services.values():
        settings = service.settings
        for port in service.published:
            user = PortUser(
                service.name,
                settings.hosts,
                settings.paths,
                service.speaks_tls(port),
                settings.mode,
            )
            if port.host_port:
                behind.setdefault(port.key, []).append(user)
    for port_key, port_users in behind.items():
        for conflict in find_conflicts(port_users):
            raise BadSetting(
                f"{project.file}: services.{conflict.service}.{KEY}.{conflict.key}",
                f"{conflict.problem} ({host(port_key)[1]})",
                hint=conflict.remedy,
            )


def refuse_tls_without_certificates(project: Project) -> None:
    if project.settings.proxy.certificates:
        return
    for service in project.services.values():
        if service.settings.tls:
            raise BadSetting(
                f"{project.file}: services.{service.name}.{KEY}.tls",
                "the proxy has no certificate for TLS",
                hint=f"name a folder with certificates: `{KEY}: {{proxy: {{certificates: ./certs}}}}`"
                " at the top level",
            )
