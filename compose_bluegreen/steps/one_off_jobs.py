"""One-off jobs: services that end by themselves, and run once per release before their dependents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial

from compose_bluegreen.config.compose_file import ManagedService, Project
from compose_bluegreen.domain.step_keys import StepKey, StepKind
from compose_bluegreen.ports.context import Context
from compose_bluegreen.steps import dependencies
from compose_bluegreen.steps.saga import Step

ENDS = "service_completed_successfully"


def needed(services: Sequence[ManagedService], project: Project) -> dict[str, list[str]]:
    """Each one-off job with the services that need it. Jobs run in the user's own project."""
    dependents: dict[str, list[str]] = {}
    for service in services:
        for name, condition in service.dependencies.items():
            if condition == ENDS and name not in project.services:
                dependents.setdefault(name, []).append(service.name)
    return dependents


def built(services: Sequence[ManagedService], project: Project, ctx: Context) -> Iterator[Step]:
    """Builds the images of one-off jobs for this release: Compose would build only missing images."""
    for name in needed(services, project):
        if "build" in project.config["services"].get(name, {}):
            act = partial(ctx.workloads.build, [name])
            yield Step(
                StepKey(StepKind.BUILD, name),
                f"build {name}",
                "the service has a build section",
                act,
            )


def run(
    services: Sequence[ManagedService], project: Project, timeout: timedelta | None, ctx: Context
) -> Iterator[Step]:
    for name, dependents in needed(services, project).items():
        patience = timeout or max(
            service.settings.deploy_timeout for service in services if service.name in dependents
        )
        act = partial(_run, name, patience, ctx)
        cause = f"once per release, before {' and '.join(dependents)}"
        yield Step(StepKey(StepKind.RUN, name), f"run {name}", cause, act)


def _run(name: str, timeout: timedelta, ctx: Context) -> None:
    """Starts the job again, even if it has ended before. Raises BluegreenError with its last log lines."""
    ctx.workloads.start_dependencies([name])
    dependencies.until_dependencies({name: ENDS}, timeout, ctx)
