"""The compose files that we write: a release, stand-alone, and one colour of it.

A release's model needs neither the user's file nor a merge: networks and volumes of the user's
project are ``external``, the image is named by its id. A stored one can be started again whatever
became of the compose file since.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from compose_bluegreen.domain import Colour, Image, Model, Release
from compose_bluegreen.ports import Place, Seats
from compose_bluegreen.project import ManagedService, Project
from compose_bluegreen.settings import KEY, stored

LABEL = "compose-bluegreen"
LINK = "bluegreen-link"

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

# It runs once, nobody asks whether it is well, and its log is read by us.
_NOT_RUN_ONCE = ("deploy", "healthcheck", "logging", "restart", "stdin_open", "tty")


def companion(project: str) -> str:
    """The project beside the user's, which ``up --remove-orphans`` there can't reach."""
    return f"{project}-bluegreen"


def release(
    project: Project, service: ManagedService, image: Image, *, built: bool = False
) -> Release:
    """``built``: the image's name is a local build's, and follows what serves."""
    own = {key: deepcopy(value) for key, value in service.model.items() if key not in _LEFT_BEHIND}
    own["image"] = image.reference
    # A variable that the shell didn't have then must not come from the shell of a rollback.
    own["environment"] = {
        k: v for k, v in _as_mapping(own.get("environment")).items() if v is not None
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


def colour_model(release: Release, colour: Colour, seats: Seats, deployment: int) -> Model:
    """A service for each replica, for each has an address of its own: ``web-blue-1``, …"""
    project = companion(release.model["name"])
    template = release.model["services"][release.service]
    model = {key: deepcopy(value) for key, value in release.model.items() if key != KEY}
    model["name"] = project
    model.setdefault("networks", {})[LINK] = {"name": seats.network, "external": True}
    model["services"] = {}
    for number, address in enumerate(seats.addresses, start=1):
        name = f"{release.service}-{colour}-{number}"
        own = deepcopy(template)
        own |= {
            "image": release.image.id,
            "pull_policy": "never",
            "container_name": replica_name(release.model["name"], release.service, colour, number),
            "environment": {**_as_mapping(own.get("environment")), "BLUEGREEN_COLOUR": str(colour)},
            "labels": _as_mapping(own.get("labels")) | labels(release, colour, deployment),
            "networks": _networks(own, release, colour, address),
        }
        # Without a policy of the user's: "always", for after a kill -9 of itself the daemon takes
        # "unless-stopped" containers for stopped by hand and leaves them (Engine 20.10).
        own.setdefault("restart", "always")
        model["services"][name] = own
    return model


def one_off_model(release: Release, name: str, command: Sequence[str], told: Model) -> Model:
    """One container, as ``docker compose run`` would make it: the release's image, environment,
    networks and volumes, and nobody's name. ``told`` are further variables."""
    project = release.model["name"]
    model = {key: deepcopy(value) for key, value in release.model.items() if key != KEY}
    model["name"] = companion(project)
    template = release.model["services"][release.service]
    own = {key: deepcopy(value) for key, value in template.items() if key not in _NOT_RUN_ONCE}
    networks = own.get("networks") or {"default": None}
    own |= {
        "image": release.image.id,
        "pull_policy": "never",
        "container_name": name,
        "command": list(command),
        "environment": {**_as_mapping(own.get("environment")), **told},
        "labels": _as_mapping(own.get("labels")) | hook_labels(project),
        "networks": {
            key: {name: value for name, value in (how or {}).items() if name != "aliases"}
            for key, how in networks.items()
        },
        "restart": "no",
    }
    if resources := (template.get("deploy") or {}).get("resources"):
        own["deploy"] = {"resources": resources}
    model["services"] = {f"{release.service}-hook": own}
    return model


def replica_name(project: str, service: str, colour: Colour, number: int) -> str:
    """Of a container; ``number`` counts from 1."""
    return f"{companion(project)}-{service}-{colour}-{number}"


def only(model: Model, containers: Collection[str]) -> Model:
    """A colour's model, with these of its containers."""
    services = model["services"].items()
    kept = {name: own for name, own in services if own["container_name"] in containers}
    return {**model, "services": kept}


def places(model: Model) -> dict[str, dict[str, Place]]:
    """Of a colour's model: container to network, both by the names that Docker knows."""
    names = {key: str(one["name"]) for key, one in model["networks"].items()}
    return {
        own["container_name"]: {
            names[key]: Place(how.get("ipv4_address"), tuple(how.get("aliases", ())))
            for key, how in own["networks"].items()
        }
        for own in model["services"].values()
    }


def labels(release: Release, colour: Colour, deployment: int) -> dict[str, str]:
    return colour_labels(release.model["name"], release.service, colour) | {
        f"{LABEL}.deployment": str(deployment),
        f"{LABEL}.release": release.fingerprint,
    }


def colour_labels(
    project: str, service: str | None = None, colour: Colour | None = None
) -> dict[str, str]:
    """What the containers of a project, a service or a colour are found by."""
    found = {f"{LABEL}.project": project, f"{LABEL}.service": service, f"{LABEL}.colour": colour}
    return {key: str(value) for key, value in found.items() if value is not None}


def hook_labels(project: str) -> dict[str, str]:
    """What the one-off containers of hooks are found by; they are of no colour."""
    return {f"{LABEL}.hook": project}


def base_labels(project: str, service: str) -> dict[str, str]:
    """What Compose's own containers of a service in the user's project are found by."""
    return {"com.docker.compose.project": project, "com.docker.compose.service": service}


def is_one_off(labels: Mapping[str, str]) -> bool:
    """Made by ``docker compose run``: it neither answers to the service's name nor serves."""
    return labels.get("com.docker.compose.oneoff", "").lower() == "true"


def fingerprint_of(labels: Mapping[str, str]) -> str | None:
    """Of the release that a container runs."""
    return labels.get(f"{LABEL}.release")


def replicas(release: Release) -> int:
    return int(release.model[KEY]["replicas"])


def published(release: Release) -> dict[str, int]:
    """``ip:port/tcp`` of the host to the container's port, as it was in this release."""
    return dict(release.model[KEY]["published"])


def built_here(release: Release) -> bool:
    """Whether its tag names a local build: then the tag follows what serves."""
    return bool(release.model[KEY]["built"])


def works_unasked(release: Release) -> bool:
    """Nobody sends it requests, and the proxy knows only which colour is live."""
    return release.settings.get("traffic") == "none"


def stops_first(release: Release) -> bool:
    """Never two of it at once: the old one is gone before the new one starts."""
    return works_unasked(release) and release.settings.get("order") == "stop-first"


def after(release: Release) -> dict[str, str]:
    """Services that are released like it, with the condition that they must meet before it starts."""
    return dict(release.model[KEY].get("after") or {})


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


def _networks(own: Model, release: Release, colour: Colour, address: str) -> Model:
    """The user's aliases stay with the proxy: they mean the live colour, whichever it is.

    For whom it has no way, they mean whichever runs.
    """
    networks: dict[str, Any] = {}
    unasked = works_unasked(release)
    for key, how in (own.get("networks") or {"default": None}).items():
        kept = {name: value for name, value in (how or {}).items() if name != "aliases"}
        theirs = [release.service, *((how or {}).get("aliases") or ())] if unasked else []
        networks[key] = {**kept, "aliases": [f"{release.service}-{colour}", *theirs]}
    networks[LINK] = {"ipv4_address": address}
    return networks


def _as_mapping(value: Any) -> dict[str, Any]:
    if isinstance(value, list):
        pairs = (str(one).partition("=") for one in value)
        return {name: text if sign else None for name, sign, text in pairs}
    return dict(value or {})


def _digest(path: str) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return ""
