"""The user's project as Compose resolved it, with its released services.

``read`` refuses everything that can't run in two colours, before anything changes.
"""

from __future__ import annotations

from compose_bluegreen.config.compose_file import (
    ManagedService,
    Project,
    exposed_port,
    published_port,
)
from compose_bluegreen.config.settings import ServiceSettings
from compose_bluegreen.config.settings_reader import project_settings, service_settings
from compose_bluegreen.config.validation import (
    refuse_ambiguous_ports,
    refuse_endless_waits,
    refuse_odd_names,
    refuse_odd_previews,
    refuse_odd_workers,
    refuse_shared_ports,
    refuse_shared_previews,
    refuse_tls_without_certificates,
    refuse_what_no_port_can_do,
    refuse_what_two_colours_cannot_share,
)
from compose_bluegreen.domain.errors import BadSetting
from compose_bluegreen.domain.names import KEY, SERVICE_NAME
from compose_bluegreen.domain.release import Model


def read(config: Model, file: str) -> Project:
    """``config`` is the YAML of ``docker compose config``. Raises BadSetting."""
    settings = project_settings(config.get(KEY), f"{file}: {KEY}")
    services = {}
    for name, model in config.get("services", {}).items():
        if KEY not in model:
            continue
        released = service_settings(model[KEY], settings, f"{file}: services.{name}.{KEY}")
        if released is not None:
            services[name] = _managed(name, model, released, f"{file}: services.{name}")
    project = Project(config["name"], file, config, settings, services)
    refuse_shared_ports(project)
    refuse_endless_waits(project)
    refuse_shared_previews(project)
    refuse_ambiguous_ports(project)
    refuse_tls_without_certificates(project)
    return project


def _managed(name: str, model: Model, settings: ServiceSettings, location: str) -> ManagedService:
    refuse_what_two_colours_cannot_share(model, location)
    if not SERVICE_NAME.fullmatch(name):
        raise BadSetting(
            location,
            "a released service can't have this name",
            hint="use letters, digits, `_`, `.` and `-`, and no `-` in front",
        )
    refuse_odd_names(model, location)
    refuse_odd_workers(settings, model, location)
    published = tuple(published_port(port, location) for port in model.get("ports") or ())
    exposed = tuple(exposed_port(port, location) for port in model.get("expose") or ())
    targets = [port.target for port in published] + list(exposed)
    refuse_what_no_port_can_do(settings, published, f"{location}.{KEY}")
    port = 0 if settings.is_worker else settings.port or next(iter(targets), None)
    if port is None:
        raise BadSetting(
            f"{location}.{KEY}.port",
            "the service has no port for requests",
            hint="set it to the port on which the container listens, or add `ports:` or `expose:`;"
            " for a worker, set `traffic: none`",
        )
    refuse_odd_previews(settings, published, location)
    networks = tuple(
        (key, tuple((network or {}).get("aliases") or ()))
        for key, network in (model.get("networks") or {"default": None}).items()
    )
    return ManagedService(name, settings, model, port, published, exposed, networks)
