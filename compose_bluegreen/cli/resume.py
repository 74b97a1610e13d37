"""``docker bluegreen resume``."""

from __future__ import annotations

from compose_bluegreen.cli.invocation import Invocation
from compose_bluegreen.cli.options import Format, Output, Progress
from compose_bluegreen.cli.progress import ProgressFormat, observer
from compose_bluegreen.cli.verb import Verb
from compose_bluegreen.config.requests import ProjectLocation
from compose_bluegreen.domain.errors import ExitCode


def resume(
    invocation: Invocation, progress: Progress = ProgressFormat.AUTO, output: Output = Format.TABLE
) -> int:
    """Finish an interrupted or stuck deployment.

    Checks the health of its colour, switches the traffic and promotes it, then drains and removes
    the old colour.
    """
    return invocation.run_with_progress(progress, _resume, progress, output)


VERB = Verb(resume, ("docker bluegreen resume",))


def _resume(location: ProjectLocation, progress: ProgressFormat, output_format: Format) -> int:
    from compose_bluegreen.cli import output, project_reader, stdout

    with (
        project_reader.named_application(
            location, "resume", observer(progress), notifies=True
        ) as application,
        stdout.failure_shown(output_format),
    ):
        done = application.resume()
    stdout.write(output.summary(done, output_format))
    return ExitCode.DONE
