"""Waits for services of the user's own project."""

from __future__ import annotations

from datetime import timedelta

from compose_bluegreen.domain import durations
from compose_bluegreen.domain.errors import BluegreenError, Unhealthy
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.engine import Container
from compose_bluegreen.steps.health import POLL


def until_dependencies(conditions: dict[str, str], timeout: timedelta, ctx: Context) -> None:
    """Waits until each service of the user's project meets its condition, as Compose does."""
    deadline = ctx.clock.monotonic() + timeout.total_seconds()
    while waiting := [
        f"{name} ({condition})"
        for name, condition in conditions.items()
        if not _meets(condition, ctx.compose_containers(name), ctx)
    ]:
        if ctx.clock.monotonic() >= deadline:
            raise Unhealthy(
                f"still waiting after {durations.show(timeout)} for {', '.join(waiting)}",
                hint="docker compose ps and docker compose logs show why",
            )
        ctx.clock.sleep(POLL)


def _meets(condition: str, containers: list[Container], ctx: Context) -> bool:
    for container in containers:
        if problem := _never_meets(condition, container):
            raise BluegreenError(
                f"dependency {container.name} {problem}",
                detail=ctx.engine.log_tail(container),
                hint="docker compose logs shows more; no colour was started",
            )
    return bool(containers) and all(_is(condition, container) for container in containers)


def _never_meets(condition: str, container: Container) -> str | None:
    if container.status == "exited" and container.exit_code != 0:
        return f"ended with exit code {container.exit_code}"
    if condition == "service_healthy" and container.running:
        return {None: "has no healthcheck to wait for", "unhealthy": "is unhealthy"}.get(
            container.health
        )
    return None


def _is(condition: str, container: Container) -> bool:
    match condition:
        case "service_completed_successfully":
            return container.status == "exited" and container.exit_code == 0
        case "service_healthy":
            return container.running and container.health == "healthy"
    return container.running
