"""``docker bluegreen abort``."""

from __future__ import annotations

from compose_bluegreen.cli.invocation import Invocation
from compose_bluegreen.cli.options import Format, Output, Progress
from compose_bluegreen.cli.progress import ProgressFormat, observer
from compose_bluegreen.cli.verb import Verb
from compose_bluegreen.config.requests import ProjectLocation
from compose_bluegreen.domain.errors import ExitCode


def abort(
    invocation: Invocation, progress: Progress = ProgressFormat.AUTO, output: Output = Format.TABLE
) -> int:
    """Cancel a waiting, interrupted or stuck deployment.

    Routes the traffic to the previous version, which is started again if it is unhealthy, and
    removes the new colour. Also cancels a running canary or bake.
    """
    return invocation.run_with_progress(progress, _abort, progress, output)


VERB = Verb(abort, ("docker bluegreen abort",))


def _abort(location: ProjectLocation, progress: ProgressFormat, output_format: Format) -> int:
    from compose_bluegreen.cli import output, project_reader, stdout

    with (
        project_reader.named_application(
            location, "abort", observer(progress), notifies=True
        ) as application,
        stdout.failure_shown(output_format),
    ):
        done = application.abort()
    stdout.write(output.summary(done, output_format))
    return ExitCode.DONE
