"""Labels by which containers are found."""

from __future__ import annotations

from collections.abc import Mapping

from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.release import Release

LABEL = "compose-bluegreen"


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
