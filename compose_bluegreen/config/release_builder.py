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

# What belongs to the service in the user's project, not to a colour of it.
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
    """``built``: the image's name is a local build's, and follows what serves."""
    own = {key: deepcopy(value) for key, value in service.model.items() if key not in _LEFT_BEHIND}
    own["image"] = image.reference
    # A variable that the shell didn't have then must not come from the shell of a rollback.
    own["environment"] = {
        k: v for k, v in as_mapping(own.get("environment")).items() if v is not None
    }
    deploy = own.get("deploy")
    if isinstance(deploy, dict):
        deploy.pop("replicas", None)
    # We run the health check ourselves as soon as HAProxy sees the colour, and engines before 25
    # refuse the key after half of the work is done.
    if isinstance(own.get("healthcheck"), dict):
        own["healthcheck"].pop("start_interval", None)
    model: Model = {"name": project.name, "services": {service.name: own}}
    model |= _external("networks", project, [key for key, _ in service.networks])
    if used := volumes(project, service):
        model["volumes"] = {
            key: {"name": one["name"], "external": True} for key, one in used.items()
        }
    model |= _copied("configs", project, own)
    model |= _copied("secrets", project, own)
    model[KEY] = {
        "replicas": service.replicas,
        "published": {one.where: one.target for one in service.published},
        "built": built,
    }
    if after := _ours(project, service):
        model[KEY]["after"] = after
    settings = stored(service.settings) | {"port": service.port or None}
    return Release(service.name, image, model, settings, fingerprint(model, settings, image.id))


def fingerprint(model: Model, settings: Model, image_id: str) -> str:
    """Equal for two releases that would run and be routed alike; 16 hexadecimal digits."""
    routed = {key: settings[key] for key in ("port", "mode", "health")}
    files = {
        f"{kind}.{name}": _digest(one["file"])
        for kind in ("configs", "secrets")
        for name, one in model.get(kind, {}).items()
        if "file" in one
    }
    text = json.dumps([model, routed, image_id, files], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _ours(project: Project, service: ManagedService) -> dict[str, str]:
    needed = service.dependencies.items()
    return {name: condition for name, condition in needed if name in project.services}


def _external(kind: str, project: Project, keys: list[str]) -> Model:
    known = project.config.get(kind, {})
    found = {key: {"name": known[key]["name"], "external": True} for key in keys if key in known}
    return {kind: found} if found else {}


def _copied(kind: str, project: Project, own: Model) -> Model:
    used = [one["source"] if isinstance(one, dict) else one for one in own.get(kind) or ()]
    known = project.config.get(kind, {})
    found = {key: deepcopy(known[key]) for key in used if key in known}
    return {kind: found} if found else {}


def volumes(project: Project, service: ManagedService) -> dict[str, Model]:
    """The named volumes that a service mounts, as the resolved file defines them."""
    known = project.config.get("volumes", {})
    mounts = [one for one in service.model.get("volumes") or () if isinstance(one, dict)]
    named = [one["source"] for one in mounts if one.get("type") == "volume" and one.get("source")]
    return {key: known[key] for key in named if key in known}


def as_mapping(value: Any) -> dict[str, Any]:
    if isinstance(value, list):
        pairs = (str(one).partition("=") for one in value)
        return {name: text if sign else None for name, sign, text in pairs}
    return dict(value or {})


def _digest(path: str) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return ""
