"""The Compose project of the proxy and the colours, beside the user's own."""

from __future__ import annotations

from compose_bluegreen.domain.errors import BluegreenError
from compose_bluegreen.domain.names import companion
from compose_bluegreen.ports.context import Context


def refuse_foreign_containers(ctx: Context) -> None:
    """Raises BluegreenError where another project of the user's has the name of the companion project:
    each of them would remove the other's containers."""
    name = companion(ctx.project)
    hooks = {container.id for container in ctx.engine.hook_containers(ctx.project)}
    foreign = [
        container.name
        for container in ctx.engine.compose_containers(name)
        if container.project is None and container.id not in hooks
    ]
    if foreign:
        raise BluegreenError(
            f"compose-bluegreen needs the Compose project {name} for {ctx.project}, and there are"
            f" containers that it did not create: {', '.join(foreign)}",
            hint="give one of the two projects another `name:` in its compose file",
        )
