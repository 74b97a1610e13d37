"""What one service runs: an image and its resolved model."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from compose_bluegreen.domain.names import KEY

Model = dict[str, Any]
"""A piece of a resolved compose file, as YAML or JSON gives it."""

_NAME_PART = re.compile(r"(?=.{1,80}$)[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Image:
    """An image on the engine.

    ``reference`` is what the person wrote, ``id`` what to start and to compare (``sha256:…``),
    ``repo_digest`` where it can be pulled again (``repository@sha256:…``), if anywhere.
    """

    reference: str
    id: str
    repo_digest: str | None = None

    @property
    def short_id(self) -> str:
        return self.id.removeprefix("sha256:")[:12]


@dataclass(frozen=True, slots=True)
class Release:
    """What one service runs: an image and the resolved model, independent of later edits.

    ``model`` is a stand-alone compose file with this one service (see ``models.py``),
    ``settings`` the service's ``x-bluegreen`` as it was, ``fingerprint`` tells two apart.
    """

    service: str
    image: Image
    model: Model
    settings: Model
    fingerprint: str

    @property
    def kept_tag(self) -> str:
        """The tag that keeps the image from ``docker image prune``."""
        return f"{kept_repository(self.model['name'], self.service)}:{self.image.short_id}"


def kept_repository(project: str, service: str) -> str:
    """Where the tags of a service's kept images are; no two services share one.

    Docker's grammar is narrower than Compose's: ``Web`` or ``web_`` is no part of an image's name.
    """
    return f"bluegreen/{_name_part(project)}/{_name_part(service)}"


def _name_part(name: str) -> str:
    if _NAME_PART.fullmatch(name):
        return name
    like_it = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]
    return f"{like_it}-{hashlib.sha256(name.encode()).hexdigest()[:8]}".lstrip("-")


def replicas(release: Release) -> int:
    return int(release.model[KEY]["replicas"])


def published(release: Release) -> dict[str, int]:
    """``ip:port/tcp`` of the host to the container's port, as it was in this release."""
    return dict(release.model[KEY]["published"])


def built_here(release: Release) -> bool:
    """Whether its tag names a local build: then the tag follows what serves."""
    return bool(release.model[KEY]["built"])


def is_worker(release: Release) -> bool:
    """Nobody sends it requests, and the proxy knows only which colour is live."""
    return release.settings.get("traffic") == "none"


def is_stop_first(release: Release) -> bool:
    """Never two of it at once: the old one is gone before the new one starts."""
    return is_worker(release) and release.settings.get("order") == "stop-first"


def after(release: Release) -> dict[str, str]:
    """Services that are released like it, with the condition that they must meet before it starts."""
    return dict(release.model[KEY].get("after") or {})


def in_order(releases: Sequence[Release]) -> list[Release]:
    """Each after what it depends on. A circle, which Compose refuses, comes as it is."""
    waiting = {release.service: release for release in releases}
    found = []
    while waiting:
        ready = [name for name, one in waiting.items() if not after(one).keys() & waiting.keys()]
        found += [waiting.pop(name) for name in ready or list(waiting)]
    return found
