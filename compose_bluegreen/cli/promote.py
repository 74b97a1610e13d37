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
from compose_bluegreen.cli.progress import Face
from compose_bluegreen.cli.verb import Verb
from compose_bluegreen.config.requests import ProjectLocation, PromoteRequest
from compose_bluegreen.domain.errors import ExitCode


def promote(  # noqa: PLR0913, PLR0917 - one parameter a flag
    invocation: Invocation,
    timeout: Timeout = None,
    no_bake: NoBake = False,
    no_hooks: Hooks = False,
    progress: Progress = Face.AUTO,
    wait: Wait = None,
    output: Output = Format.TABLE,
) -> int:
    """Switch to the waiting deployment.

    Checks its health again before the switch; an unhealthy deployment keeps waiting. After the
    switch a failure is undone as in up. Also ends a running canary or bake early.
    """
    order = PromoteRequest(
        duration("--timeout", timeout),
        duration("--wait", wait),
        bake=not no_bake,
        hooks=not no_hooks,
    )
    return invocation.run_with_progress(progress, _promote, order, progress, output)


VERB = Verb(promote, ("docker bluegreen promote", "docker bluegreen promote --wait 5m"))


def _promote(
    where: ProjectLocation, order: PromoteRequest, progress: Face, output_format: Format
) -> int:
    from compose_bluegreen.cli import project_reader

    name = project_reader.start_reading_name(where)
    from compose_bluegreen.cli import output, stdout
    from compose_bluegreen.commands import promote as core

    with (
        project_reader.named_project(where, name, progress, notifies=True) as out,
        stdout.failure_shown(out, output_format, begun_here=False),
    ):
        done = core.promote(order, out.ctx)
    stdout.write(output.summary(done, output_format))
    return ExitCode.DONE
