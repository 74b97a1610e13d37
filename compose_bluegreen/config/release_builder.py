"""Builds a release from a service of the compose file."""

from __future__ import annotations

import hashlib
import json
from copy import deepcopy
from pathlib import Path
from typing import Any

from compose_bluegreen.config.compose_file import ManagedService, Project
from compose_bluegreen.config.settings_reader import stored
from compose_bluegreen.domain.names import KEY
from compose_bluegreen.domain.release import Image, Model, Release

# Keys that belong to the service in the user's project, not to a colour of it.
_LEFT_BEHIND = (
    "build",
    "container_name",
    "depends_on",
    "develop",
    "ports",
    "profiles",
    "scale",
    KEY,
)


def release(
    project: Project, service: ManagedService, image: Image, *, built: bool = False
) -> Release:
    """``built``: the image was built here, so its tag always points to the live image."""
    service_model = {
        key: deepcopy(value) for key, value in service.model.items() if key not in _LEFT_BEHIND
    }
    service_model["image"] = image.reference
    # A variable without a value now must not get one from the shell of a later rollback.
    service_model["environment"] = {
        k: v for k, v in as_mapping(service_model.get("environment")).items() if v is not None
    }
    deploy = service_model.get("deploy")
    if isinstance(deploy, dict):
        deploy.pop("replicas", None)
    # We run the health check ourselves as soon as HAProxy reports the colour UP, and engines before
    # 25 refuse the key only when the containers are started.
    if isinstance(service_model.get("healthcheck"), dict):
        service_model["healthcheck"].pop("start_interval", None)
    model: Model = {"name": project.name, "services": {service.name: service_model}}
    model |= _external("networks", project, [key for key, _ in service.networks])
    if used := volumes(project, service):
        model["volumes"] = {
            key: {"name": volume["name"], "external": True} for key, volume in used.items()
        }
    model |= _copied("configs", project, service_model)
    model |= _copied("secrets", project, service_model)
    model[KEY] = {
        "replicas": service.replicas,
        "published": {port.key: port.target for port in service.published},
        "built": built,
    }
    if after := _released_dependencies(project, service):
        model[KEY]["after"] = after
    settings = stored(service.settings) | {"port": service.port or None}
    return Release(service.name, image, model, settings, fingerprint(model, settings, image.id))


def fingerprint(model: Model, settings: Model, image_id: str) -> str:
    """16 hexadecimal digits, equal for two releases that would run and be routed alike."""
    routed = {key: settings[key] for key in ("port", "mode", "health")}
    files = {
        f"{kind}.{name}": _digest(source["file"])
        for kind in ("configs", "secrets")
        for name, source in model.get(kind, {}).items()
        if "file" in source
    }
    text = json.dumps([model, routed, image_id, files], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _released_dependencies(project: Project, service: ManagedService) -> dict[str, str]:
    needed = service.dependencies.items()
    return {name: condition for name, condition in needed if name in project.services}


def _external(kind: str, project: Project, keys: list[str]) -> Model:
    known = project.config.get(kind, {})
    used = {key: {"name": known[key]["name"], "external": True} for key in keys if key in known}
    return {kind: used} if used else {}


def _copied(kind: str, project: Project, service_model: Model) -> Model:
    keys = [
        use["source"] if isinstance(use, dict) else use for use in service_model.get(kind) or ()
    ]
    known = project.config.get(kind, {})
    used = {key: deepcopy(known[key]) for key in keys if key in known}
    return {kind: used} if used else {}


def volumes(project: Project, service: ManagedService) -> dict[str, Model]:
    """The named volumes that a service mounts, as the resolved file defines them."""
    known = project.config.get("volumes", {})
    mounts = [mount for mount in service.model.get("volumes") or () if isinstance(mount, dict)]
    named = [
        mount["source"] for mount in mounts if mount.get("type") == "volume" and mount.get("source")
    ]
    return {key: known[key] for key in named if key in known}


def as_mapping(value: Any) -> dict[str, Any]:
    if isinstance(value, list):
        pairs = (str(item).partition("=") for item in value)
        return {name: text if sign else None for name, sign, text in pairs}
    return dict(value or {})


def _digest(path: str) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return ""
