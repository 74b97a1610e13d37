"""``logs``: the output of the containers of one colour."""

from __future__ import annotations

from collections.abc import Iterator

from compose_bluegreen.config.requests import LogsRequest
from compose_bluegreen.domain.errors import BluegreenError
from compose_bluegreen.domain.hints import Action, Hint
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.engine import Container


def logs(request: LogsRequest, ctx: Context) -> Iterator[bytes]:
    """Lines as they come. Raises BluegreenError where no container of that colour exists."""
    names = [container.name for container in _containers(request, ctx)]
    return ctx.workloads.logs(names, follow=request.follow, tail=request.tail)


def _containers(request: LogsRequest, ctx: Context) -> list[Container]:
    routes = ctx.proxy.routes()
    containers = [
        container
        for container in ctx.colour_containers(request.service)
        if container.service
        and container.colour is (request.colour or routes.get(container.service))
    ]
    if not containers:
        raise BluegreenError(
            f"no container of {request.service or ctx.project} runs in"
            f" {request.colour or 'the live colour'}",
            hint=Hint(Action.STATUS),
        )
    return containers
