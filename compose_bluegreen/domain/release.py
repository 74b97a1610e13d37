"""Releases: the image and the resolved model of one service."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from compose_bluegreen.domain.names import KEY

Model = dict[str, Any]
"""A part of a resolved compose file, as YAML or JSON returns it."""

_NAME_PART = re.compile(r"(?=.{1,80}$)[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Image:
    """An image on the engine.

    ``reference`` is the name that the user wrote. ``id`` (``sha256:…``) is used to start containers
    and to compare. By ``repo_digest`` (``repository@sha256:…``) a registry has it; None if none does.
    """

    reference: str
    id: str
    repo_digest: str | None = None

    @property
    def short_id(self) -> str:
        return self.id.removeprefix("sha256:")[:12]


@dataclass(frozen=True, slots=True)
class Release:
    """The image and the resolved model of one service. Later edits of the file don't change it.

    ``model`` is a complete compose file with this service alone (see ``config.release_builder``),
    ``settings`` are the service's ``x-bluegreen`` keys at that time. Two releases that run and are
    routed alike have the same ``fingerprint``.
    """

    service: str
    image: Image
    model: Model
    settings: Model
    fingerprint: str

    @property
    def kept_tag(self) -> str:
        """The tag that protects the image from ``docker image prune``."""
        return f"{kept_repository(self.model['name'], self.service)}:{self.image.short_id}"


def kept_repository(project: str, service: str) -> str:
    """The repository for the tags of a service's kept images; no two services share one.

    Docker allows fewer names than Compose: the name of an image can't contain ``Web`` or ``web_``.
    """
    return f"bluegreen/{_name_part(project)}/{_name_part(service)}"


def _name_part(name: str) -> str:
    if _NAME_PART.fullmatch(name):
        return name
    similar = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]
    return f"{similar}-{hashlib.sha256(name.encode()).hexdigest()[:8]}".lstrip("-")


def replicas(release: Release) -> int:
    return int(release.model[KEY]["replicas"])


def published(release: Release) -> dict[str, int]:
    """The host's ``ip:port/tcp`` to the container's port, as published by this release."""
    return dict(release.model[KEY]["published"])


def built_here(release: Release) -> bool:
    """Whether its tag names a local build. Then the tag always points to the live image."""
    return bool(release.model[KEY]["built"])


def is_worker(release: Release) -> bool:
    """Workers receive no requests; the proxy only records which of their colours is live."""
    return release.settings.get("traffic") == "none"


def is_stop_first(release: Release) -> bool:
    """Whether the old colour must be stopped before the new one starts, so that two never run."""
    return is_worker(release) and release.settings.get("order") == "stop-first"


def after(release: Release) -> dict[str, str]:
    """Released services that it depends on, with the condition that they must meet before it starts."""
    return dict(release.model[KEY].get("after") or {})


def in_order(releases: Sequence[Release]) -> list[Release]:
    """Sorts each release after its dependencies. A circle, which Compose refuses, keeps its order."""
    waiting = {release.service: release for release in releases}
    ordered = []
    while waiting:
        ready = [
            name for name, release in waiting.items() if not after(release).keys() & waiting.keys()
        ]
        ordered += [waiting.pop(name) for name in ready or list(waiting)]
    return ordered
