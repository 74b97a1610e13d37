"""``docker bluegreen up``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from compose_bluegreen.cli.invocation import Invocation
from compose_bluegreen.cli.options import (
    Canary,
    DryRun,
    Format,
    Hooks,
    KeepFailed,
    Message,
    NoBake,
    Output,
    Progress,
    RecreateProxy,
    Services,
    Timeout,
    Wait,
    duration,
    stages,
)
from compose_bluegreen.cli.progress import ProgressFormat, observer
from compose_bluegreen.cli.verb import Verb
from compose_bluegreen.config.requests import ProjectLocation, UpRequest
from compose_bluegreen.domain.errors import ExitCode

if TYPE_CHECKING:
    from compose_bluegreen.domain.plan import PlannedStep


Image = Annotated[
    str | None, typer.Option(metavar="REF", help="Release this image, for a single service.")
]
Build = Annotated[
    bool, typer.Option(help="Build the images of services that have a `build` section.")
]
Pull = Annotated[bool, typer.Option("--pull", help="Pull the images even if the engine has them.")]
Force = Annotated[bool, typer.Option("--force", help="Deploy even if nothing changed.")]
Together = Annotated[
    bool,
    typer.Option("--all", help="Release unchanged services too if at least one service changed."),
]
TakeOver = Annotated[
    bool,
    typer.Option(
        "--take-over", help="Stop the container that has the published ports and take them over."
    ),
]
NoSwitch = Annotated[
    bool,
    typer.Option("--no-switch", help="Stop before the switch; continue with promote or abort."),
]


def up(  # noqa: PLR0913, PLR0917 - one parameter a flag
    invocation: Invocation,
    services: Services = None,
    build: Build = True,
    image: Image = None,
    pull: Pull = False,
    timeout: Timeout = None,
    message: Message = "",
    dry_run: DryRun = False,
    progress: Progress = ProgressFormat.AUTO,
    force: Force = False,
    together: Together = False,
    keep_failed: KeepFailed = False,
    no_hooks: Hooks = False,
    recreate_proxy: RecreateProxy = False,
    take_over: TakeOver = False,
    no_switch: NoSwitch = False,
    wait: Wait = None,
    canary: Canary = None,
    no_bake: NoBake = False,
    output: Output = Format.TABLE,
) -> int:
    """Release services blue/green.

    Builds the images, starts the idle colour, waits until it is healthy, switches the traffic, then
    drains and removes the old colour. Without a SERVICE, releases every service with x-bluegreen.
    """
    request = UpRequest(
        services=tuple(services or ()),
        image=image,
        build=build,
        pull=pull,
        timeout=duration("--timeout", timeout),
        message=message,
        dry_run=dry_run,
        force=force,
        together=together,
        keep_failed=keep_failed,
        hooks=not no_hooks,
        recreate_proxy=recreate_proxy,
        take_over=take_over,
        no_switch=no_switch,
        patience=duration("--wait", wait),
        bake=not no_bake,
        canary=stages("--canary", canary),
    )
    return invocation.run_with_progress(progress, _up, request, progress, output)


VERB = Verb(
    up,
    (
        "docker bluegreen up",
        "docker bluegreen up web --message 'greets in Portuguese'",
        "docker bluegreen up web --image registry.example/web:1.4 --pull",
        "docker bluegreen up --no-switch",
        "docker bluegreen up web api --all",
        "docker bluegreen up --dry-run",
    ),
)


def _up(
    location: ProjectLocation, request: UpRequest, progress: ProgressFormat, output_format: Format
) -> int:
    from compose_bluegreen.cli import output, project_reader, stdout

    reports = observer(progress)
    plan: list[PlannedStep] = []
    with project_reader.read_application(location, "up", reports, needs_room=True) as (
        application,
        project,
    ):
        with stdout.failure_shown(output_format):
            done = application.up(request, project, plan.append)
        if done is None and not request.dry_run:
            reports.remark("nothing changed since the live release; --force deploys all the same")
    if request.dry_run:
        stdout.write(output.plan(plan, output_format))
    else:
        stdout.write(output.summary(done, output_format))
    return ExitCode.DONE
