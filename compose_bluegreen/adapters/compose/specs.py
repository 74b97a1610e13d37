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


def colour_model(of: ColourRelease) -> Model:
    """A service for each replica, for each has an address of its own: ``web-blue-1``, …"""
    release, colour = of.release, of.colour
    project = companion(release.model["name"])
    template = release.model["services"][release.service]
    model = {key: deepcopy(value) for key, value in release.model.items() if key != KEY}
    model["name"] = project
    model.setdefault("networks", {})[LINK] = {"name": of.colour_addresses.network, "external": True}
    model["services"] = {}
    for number, address in enumerate(of.colour_addresses.addresses, start=1):
        name = f"{release.service}-{colour}-{number}"
        own = deepcopy(template)
        own |= {
            "image": release.image.id,
            "pull_policy": "never",
            "container_name": replica_name(release.model["name"], release.service, colour, number),
            "environment": {**as_mapping(own.get("environment")), "BLUEGREEN_COLOUR": str(colour)},
            "labels": as_mapping(own.get("labels")) | labels(release, colour, of.deployment),
            "networks": _networks(own, release, colour, address),
        }
        # Without a policy of the user's: "always", for after a kill -9 of itself the daemon takes
        # "unless-stopped" containers for stopped by hand and leaves them (Engine 20.10).
        own.setdefault("restart", "always")
        model["services"][name] = own
    return model


def one_off_model(job: OneOff) -> Model:
    """One container, as ``docker compose run`` would make it."""
    release = job.release
    project = release.model["name"]
    model = {key: deepcopy(value) for key, value in release.model.items() if key != KEY}
    model["name"] = companion(project)
    template = release.model["services"][release.service]
    own = {key: deepcopy(value) for key, value in template.items() if key not in _NOT_RUN_ONCE}
    networks = own.get("networks") or {"default": None}
    own |= {
        "image": release.image.id,
        "pull_policy": "never",
        "container_name": job.name,
        "command": [_escaped(word) for word in job.command],
        "environment": as_mapping(own.get("environment"))
        | {key: _escaped(text) for key, text in job.environment.items()},
        "labels": as_mapping(own.get("labels")) | hook_labels(project),
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


def only(model: Model, containers: Collection[str]) -> Model:
    """A colour's model, with these of its containers."""
    services = model["services"].items()
    kept = {name: own for name, own in services if own["container_name"] in containers}
    return {**model, "services": kept}


def places(model: Model) -> dict[str, dict[str, NetworkAttachment]]:
    """Of a colour's model: container to network, both by the names that Docker knows."""
    names = {key: str(one["name"]) for key, one in model["networks"].items()}
    return {
        own["container_name"]: {
            names[key]: NetworkAttachment(how.get("ipv4_address"), tuple(how.get("aliases", ())))
            for key, how in own["networks"].items()
        }
        for own in model["services"].values()
    }


def _networks(own: Model, release: Release, colour: Colour, address: str) -> Model:
    """The user's aliases stay with the proxy: they mean the live colour, whichever it is.

    For a service without an address there, they mean the colour that runs.
    """
    networks: dict[str, Any] = {}
    unasked = is_worker(release)
    for key, how in (own.get("networks") or {"default": None}).items():
        kept = {name: value for name, value in (how or {}).items() if name != "aliases"}
        theirs = [release.service, *((how or {}).get("aliases") or ())] if unasked else []
        networks[key] = {**kept, "aliases": [f"{release.service}-{colour}", *theirs]}
    networks[LINK] = {"ipv4_address": address}
    return networks


def _escaped(text: str) -> str:
    """Compose reads ``$$`` as a dollar sign, and interpolates a single one."""
    return text.replace("$", "$$")


def merged(models: Sequence[tuple[Release, Model]]) -> list[Model]:
    """The colours of one wave in as few files as say the same, so that Compose starts them at once.

    ``depends_on`` holds within a file, and no file needs one that comes after it.
    """
    own = {release.service: model for release, model in models}
    found: list[Model] = []
    for release in in_order([release for release, _ in models]):
        model = own[release.service]
        if not found or _contradict(found[-1], model):
            found.append({"name": model["name"], "services": {}})
        _add(release, model, found[-1])
    return found


def _add(release: Release, model: Model, file: Model) -> None:
    needed = {
        name: {"condition": _STARTED}
        for name, own in file["services"].items()
        if own["labels"][f"{LABEL}.service"] in after(release)
    }
    for name, own in model["services"].items():
        file["services"][name] = {**own, "depends_on": needed} if needed else own
    for kind in _SHARED:
        if kind in model:
            file[kind] = {**file.get(kind, {}), **model[kind]}


def _contradict(one: Model, other: Model) -> bool:
    """Two releases of different days may mean different things by one name."""
    return any(
        one[kind][name] != other[kind][name]
        for kind in _SHARED
        for name in one.get(kind, {}).keys() & other.get(kind, {}).keys()
    )
