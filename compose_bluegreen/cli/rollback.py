"""``docker bluegreen rollback``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from compose_bluegreen.cli.invocation import Invocation
from compose_bluegreen.cli.options import (
    DryRun,
    Format,
    Hooks,
    Message,
    Output,
    Progress,
    RecreateProxy,
    Services,
    Timeout,
    Wait,
    duration,
)
from compose_bluegreen.cli.progress import ProgressFormat, observer
from compose_bluegreen.cli.verb import Verb
from compose_bluegreen.config.requests import ProjectLocation, RollbackRequest
from compose_bluegreen.domain.errors import ExitCode

if TYPE_CHECKING:
    from compose_bluegreen.domain.plan import PlannedStep


def rollback(  # noqa: PLR0913, PLR0917 - one parameter a flag
    invocation: Invocation,
    services: Services = None,
    to: Annotated[
        int | None,
        typer.Option(min=1, metavar="ID", help="Deployment to roll back to."),
    ] = None,
    message: Message = "",
    timeout: Timeout = None,
    dry_run: DryRun = False,
    progress: Progress = ProgressFormat.AUTO,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Roll back even if an irreversible hook ran since, or if the release has powers"
            " that no release on this machine had.",
        ),
    ] = False,
    no_hooks: Hooks = False,
    recreate_proxy: RecreateProxy = False,
    wait: Wait = None,
    output: Output = Format.TABLE,
) -> int:
    """Roll back to an earlier release.

    Restores the image and the configuration of the newest healthy release that is not live, or of
    the deployment given by --to. The compose file is not read.
    """
    request = RollbackRequest(
        services=tuple(services or ()),
        to=to,
        message=message,
        timeout=duration("--timeout", timeout),
        dry_run=dry_run,
        force=force,
        hooks=not no_hooks,
        recreate_proxy=recreate_proxy,
        patience=duration("--wait", wait),
    )
    return invocation.run_with_progress(progress, _rollback, request, progress, output)


VERB = Verb(rollback, ("docker bluegreen rollback", "docker bluegreen rollback web --to 41"))


def _rollback(
    location: ProjectLocation,
    request: RollbackRequest,
    progress: ProgressFormat,
    output_format: Format,
) -> int:
    from compose_bluegreen.cli import output, project_reader, stdout

    plan: list[PlannedStep] = []
    with (
        project_reader.named_application(
            location, "rollback", observer(progress), notifies=True, needs_room=True
        ) as application,
        stdout.failure_shown(output_format),
    ):
        done = application.rollback(request, plan.append)
    if request.dry_run:
        stdout.write(output.plan(plan, output_format))
    else:
        stdout.write(output.summary(done, output_format))
    return ExitCode.DONE
