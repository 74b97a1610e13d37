"""Networks and volumes of the user's project that colours and proxy join."""

from __future__ import annotations

from collections.abc import Sequence

from compose_bluegreen.config import release_builder
from compose_bluegreen.config.compose_file import ManagedService, Project
from compose_bluegreen.ports.context import Context


def make_networks_and_volumes(
    services: Sequence[ManagedService], project: Project, ctx: Context
) -> None:
    """Creates them first, because colours and proxy join them as external networks and volumes."""
    networks = {
        project.network_name(key): key for service in services for key, _ in service.networks
    }
    volumes = {
        mount["name"]: key
        for service in services
        for key, mount in release_builder.volumes(project, service).items()
        if not mount.get("external")
    }
    new_networks = [networks[name] for name in sorted(ctx.engine.missing_networks(networks))]
    new_volumes = [volumes[name] for name in sorted(ctx.engine.missing_volumes(volumes))]
    if new_networks or new_volumes:
        ctx.workloads.create_networks_and_volumes(
            {key: project.config["networks"][key] for key in new_networks},
            {key: project.config["volumes"][key] for key in new_volumes},
        )
