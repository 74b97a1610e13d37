"""The compose files that this plugin writes: a colour of a release, and a one-off container.

A release's model needs neither the user's file nor a merge: networks and volumes of the user's
project are ``external``, the image is named by its id. A stored one can be started again after any
change of the compose file.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from copy import deepcopy
from typing import Any

from compose_bluegreen.adapters.compose.labels import hook_labels, labels
from compose_bluegreen.config.release_builder import as_mapping
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.names import KEY, LABEL, LINK, companion, replica_name
from compose_bluegreen.domain.release import Model, Release, after, in_order, is_worker
from compose_bluegreen.ports.runner import OneOff
from compose_bluegreen.ports.workloads import ColourRelease, NetworkAttachment

_STARTED = "service_started"
_SHARED = ("networks", "volumes", "configs", "secrets")

# It runs once, its health is not checked, and we read its log.
_NOT_RUN_ONCE = ("deploy", "healthcheck", "logging", "restart", "stdin_open", "tty")


def colour_model(colour_release: ColourRelease) -> Model:
    """A service for each replica, for each has an address of its own: ``web-blue-1``, …"""
    release, colour = colour_release.release, colour_release.colour
    project = companion(release.model["name"])
    template = release.model["services"][release.service]
    model = {key: deepcopy(value) for key, value in release.model.items() if key != KEY}
    model["name"] = project
    model.setdefault("networks", {})[LINK] = {
        "name": colour_release.colour_addresses.network,
        "external": True,
    }
    model["services"] = {}
    for number, address in enumerate(colour_release.colour_addresses.addresses, start=1):
        name = f"{release.service}-{colour}-{number}"
        service = deepcopy(template)
        service |= {
            "image": release.image.id,
            "pull_policy": "never",
            "container_name": replica_name(release.model["name"], release.service, colour, number),
            "environment": {
                **as_mapping(service.get("environment")),
                "BLUEGREEN_COLOUR": str(colour),
            },
            "labels": as_mapping(service.get("labels"))
            | labels(release, colour, colour_release.deployment),
            "networks": _networks(service, release, colour, address),
        }
        # Without a policy of the user's: "always", for after a kill -9 of itself the daemon takes
        # "unless-stopped" containers for stopped by hand and leaves them (Engine 20.10).
        service.setdefault("restart", "always")
        model["services"][name] = service
    return model


def one_off_model(job: OneOff) -> Model:
    """One container, as ``docker compose run`` would make it."""
    release = job.release
    project = release.model["name"]
    model = {key: deepcopy(value) for key, value in release.model.items() if key != KEY}
    model["name"] = companion(project)
    template = release.model["services"][release.service]
    service = {key: deepcopy(value) for key, value in template.items() if key not in _NOT_RUN_ONCE}
    networks = service.get("networks") or {"default": None}
    service |= {
        "image": release.image.id,
        "pull_policy": "never",
        "container_name": job.name,
        "command": [_escaped(word) for word in job.command],
        "environment": as_mapping(service.get("environment"))
        | {key: _escaped(text) for key, text in job.environment.items()},
        "labels": as_mapping(service.get("labels")) | hook_labels(project),
        "networks": {
            key: {name: value for name, value in (attachment or {}).items() if name != "aliases"}
            for key, attachment in networks.items()
        },
        "restart": "no",
    }
    if resources := (template.get("deploy") or {}).get("resources"):
        service["deploy"] = {"resources": resources}
    model["services"] = {f"{release.service}-hook": service}
    return model


def only(model: Model, containers: Collection[str]) -> Model:
    """A colour's model, with these of its containers."""
    services = model["services"].items()
    kept = {name: service for name, service in services if service["container_name"] in containers}
    return {**model, "services": kept}


def places(model: Model) -> dict[str, dict[str, NetworkAttachment]]:
    """Of a colour's model: container to network, both by the names that Docker knows."""
    names = {key: str(network["name"]) for key, network in model["networks"].items()}
    return {
        service["container_name"]: {
            names[key]: NetworkAttachment(
                attachment.get("ipv4_address"), tuple(attachment.get("aliases", ()))
            )
            for key, attachment in service["networks"].items()
        }
        for service in model["services"].values()
    }


def _networks(service: Model, release: Release, colour: Colour, address: str) -> Model:
    """The user's aliases stay with the proxy: they mean the live colour, whichever it is.

    For a service without an address there, they mean the colour that runs.
    """
    networks: dict[str, Any] = {}
    worker = is_worker(release)
    for key, attachment in (service.get("networks") or {"default": None}).items():
        options = {name: value for name, value in (attachment or {}).items() if name != "aliases"}
        theirs = [release.service, *((attachment or {}).get("aliases") or ())] if worker else []
        networks[key] = {**options, "aliases": [f"{release.service}-{colour}", *theirs]}
    networks[LINK] = {"ipv4_address": address}
    return networks


def _escaped(text: str) -> str:
    """Compose reads ``$$`` as a dollar sign, and interpolates a single one."""
    return text.replace("$", "$$")


def merged(models: Sequence[tuple[Release, Model]]) -> list[Model]:
    """The colours of one wave in as few files as say the same, so that Compose starts them at once.

    ``depends_on`` holds within a file, and no file needs one that comes after it.
    """
    models_by_service = {release.service: model for release, model in models}
    files: list[Model] = []
    for release in in_order([release for release, _ in models]):
        model = models_by_service[release.service]
        if not files or _contradict(files[-1], model):
            files.append({"name": model["name"], "services": {}})
        _add(release, model, files[-1])
    return files


def _add(release: Release, model: Model, file: Model) -> None:
    needed = {
        name: {"condition": _STARTED}
        for name, service in file["services"].items()
        if service["labels"][f"{LABEL}.service"] in after(release)
    }
    for name, service in model["services"].items():
        file["services"][name] = {**service, "depends_on": needed} if needed else service
    for kind in _SHARED:
        if kind in model:
            file[kind] = {**file.get(kind, {}), **model[kind]}


def _contradict(file: Model, model: Model) -> bool:
    """Two releases of different days may mean different things by one name."""
    return any(
        file[kind][name] != model[kind][name]
        for kind in _SHARED
        for name in file.get(kind, {}).keys() & model.get(kind, {}).keys()
    )
