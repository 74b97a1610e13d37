"""``docker bluegreen repair``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compose_bluegreen.cli.invocation import Invocation
from compose_bluegreen.cli.options import DryRun, Format, Output, Progress
from compose_bluegreen.cli.progress import ProgressFormat, observer
from compose_bluegreen.cli.verb import Verb
from compose_bluegreen.config.requests import ProjectLocation, RepairRequest
from compose_bluegreen.domain.errors import ExitCode

if TYPE_CHECKING:
    from compose_bluegreen.domain.plan import PlannedStep


def repair(
    invocation: Invocation,
    dry_run: DryRun = False,
    progress: Progress = ProgressFormat.AUTO,
    output: Output = Format.TABLE,
) -> int:
    """Repair drift that has exactly one remedy.

    Restores what status reports. Drift with more than one possible remedy is listed with the next
    command, and the exit code is 4.
    """
    request = RepairRequest(dry_run)
    return invocation.run_with_progress(progress, _repair, request, progress, output)


VERB = Verb(repair, ("docker bluegreen repair", "docker bluegreen repair --dry-run"))


def _repair(
    location: ProjectLocation,
    request: RepairRequest,
    progress: ProgressFormat,
    output_format: Format,
) -> int:
    from compose_bluegreen.cli import output, project_reader, stdout

    plan: list[PlannedStep] = []
    with project_reader.named_application(location, "repair", observer(progress)) as application:
        repair = application.repair(request, plan.append)
    if request.dry_run:
        stdout.write(output.plan(plan, output_format))
        return ExitCode.DONE
    stdout.write(output.repair(repair, output_format))
    return ExitCode.NEEDS_PERSON if repair.remaining else ExitCode.DONE
