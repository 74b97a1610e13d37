"""``docker bluegreen promote``."""

from __future__ import annotations

from compose_bluegreen.cli.invocation import Invocation
from compose_bluegreen.cli.options import (
    Format,
    Hooks,
    NoBake,
    Output,
    Progress,
    Timeout,
    Wait,
    duration,
)
from compose_bluegreen.cli.progress import ProgressFormat, observer
from compose_bluegreen.cli.verb import Verb
from compose_bluegreen.config.requests import ProjectLocation, PromoteRequest
from compose_bluegreen.domain.errors import ExitCode


def promote(  # noqa: PLR0913, PLR0917 - one parameter a flag
    invocation: Invocation,
    timeout: Timeout = None,
    no_bake: NoBake = False,
    no_hooks: Hooks = False,
    progress: Progress = ProgressFormat.AUTO,
    wait: Wait = None,
    output: Output = Format.TABLE,
) -> int:
    """Switch to the waiting deployment.

    Checks its health again before the switch; an unhealthy deployment keeps waiting. After the
    switch a failure is undone as in up. Also ends a running canary or bake early.
    """
    request = PromoteRequest(
        duration("--timeout", timeout),
        duration("--wait", wait),
        bake=not no_bake,
        hooks=not no_hooks,
    )
    return invocation.run_with_progress(progress, _promote, request, progress, output)


VERB = Verb(promote, ("docker bluegreen promote", "docker bluegreen promote --wait 5m"))


def _promote(
    location: ProjectLocation,
    request: PromoteRequest,
    progress: ProgressFormat,
    output_format: Format,
) -> int:
    from compose_bluegreen.cli import output, project_reader, stdout

    with (
        project_reader.named_application(
            location, "promote", observer(progress), notifies=True
        ) as application,
        stdout.failure_shown(output_format),
    ):
        done = application.promote(request)
    stdout.write(output.summary(done, output_format))
    return ExitCode.DONE
