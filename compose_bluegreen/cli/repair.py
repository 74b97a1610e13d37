"""``docker bluegreen repair``."""

from __future__ import annotations

from compose_bluegreen.cli.invocation import Invocation
from compose_bluegreen.cli.options import DryRun, Format, Output, Progress
from compose_bluegreen.cli.progress import Face
from compose_bluegreen.cli.verb import Verb
from compose_bluegreen.config.requests import ProjectLocation
from compose_bluegreen.domain.errors import ExitCode


def repair(
    invocation: Invocation,
    dry_run: DryRun = False,
    progress: Progress = Face.AUTO,
    output: Output = Format.TABLE,
) -> int:
    """Repair drift that has exactly one remedy.

    Restores what status reports. Drift with more than one possible remedy is listed with the next
    command, and the exit code is 4.
    """
    return invocation.run_with_progress(progress, _repair, dry_run, progress, output)


VERB = Verb(repair, ("docker bluegreen repair", "docker bluegreen repair --dry-run"))


def _repair(where: ProjectLocation, dry_run: bool, progress: Face, output_format: Format) -> int:
    from compose_bluegreen.cli import project_reader

    name = project_reader.start_reading_name(where)
    from compose_bluegreen.cli import output, stdout
    from compose_bluegreen.commands import repair as core

    with (
        project_reader.named_project(where, name, progress) as out,
        stdout.plan_shown(dry_run, output_format) as plan,
    ):
        done = core.repair(out.ctx, plan)
    if dry_run:
        return ExitCode.DONE
    stdout.write(output.repair(done, output_format))
    return ExitCode.NEEDS_PERSON if done.left else ExitCode.DONE
