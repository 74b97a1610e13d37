"""Labels by which containers are found."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.names import LABEL
from compose_bluegreen.domain.release import Release

_NUMBER = re.compile("[0-9]{1,10}")


def labels(release: Release, colour: Colour, deployment: int) -> dict[str, str]:
    return colour_labels(release.model["name"], release.service, colour) | {
        f"{LABEL}.deployment": str(deployment),
        f"{LABEL}.release": release.fingerprint,
    }


def colour_labels(
    project: str, service: str | None = None, colour: Colour | None = None
) -> dict[str, str]:
    """What the containers of a project, a service or a colour are found by."""
    candidates = {
        f"{LABEL}.project": project,
        f"{LABEL}.service": service,
        f"{LABEL}.colour": colour,
    }
    return {key: str(value) for key, value in candidates.items() if value is not None}


def hook_labels(project: str) -> dict[str, str]:
    """What the one-off containers of hooks are found by; they are of no colour."""
    return {f"{LABEL}.hook": project}


def base_labels(project: str, service: str | None = None) -> dict[str, str]:
    """What the containers of a Compose project, or of one service of it, are found by."""
    labels = {"com.docker.compose.project": project}
    return labels | ({"com.docker.compose.service": service} if service else {})


def read_labels(labels: Mapping[str, str]) -> dict[str, Any]:
    """The fields of a Container that its labels hold; a label that makes no sense is left out."""
    deployment = labels.get(f"{LABEL}.deployment", "")
    colour = labels.get(f"{LABEL}.colour")
    return {
        "project": labels.get(f"{LABEL}.project"),
        "service": labels.get(f"{LABEL}.service"),
        "colour": Colour(colour) if colour in set(Colour) else None,
        "deployment": int(deployment) if _NUMBER.fullmatch(deployment) else None,
        "fingerprint": labels.get(f"{LABEL}.release"),
        "is_proxy": labels.get(f"{LABEL}.role") == "proxy",
        "one_off": labels.get("com.docker.compose.oneoff", "").lower() == "true",
    }


def proxy_labels(project: str) -> dict[str, str]:
    return {f"{LABEL}.project": project, f"{LABEL}.role": "proxy"}
