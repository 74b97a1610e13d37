"""A release, made from one service of a compose file."""

from __future__ import annotations

from typing import Any

from compose_bluegreen.config.project import read
from compose_bluegreen.config.release_builder import release
from compose_bluegreen.domain.release import Image, Model, Release
from testkit.fakes.site import a_file, a_service

IMAGE = Image("web:latest", "sha256:0123456789abcdef", "registry/web@sha256:f")


def released(image: Image = IMAGE, top: Model | None = None, **more: Any) -> Release:
    project = read(a_file(web=a_service(**more)) | (top or {}), "compose.yaml")
    return release(project, project.services["web"], image)
