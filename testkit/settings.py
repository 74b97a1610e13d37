"""Settings, read as from the compose file."""

from __future__ import annotations

from compose_bluegreen.config.settings import ProjectSettings, ServiceSettings
from compose_bluegreen.config.settings_reader import service_settings

WHERE = "compose.yaml: services.web.x-bluegreen"
TOP = "compose.yaml: x-bluegreen"


def read(raw: object, defaults: ProjectSettings | None = None) -> ServiceSettings | None:
    return service_settings(raw, defaults or ProjectSettings(), WHERE)


def settings(raw: object, defaults: ProjectSettings | None = None) -> ServiceSettings:
    found = read(raw, defaults)
    assert found is not None
    return found
