"""``docker bluegreen down``."""

from __future__ import annotations

from compose_bluegreen.cli.invocation import Invocation
from compose_bluegreen.cli.options import Progress, Wait, duration
from compose_bluegreen.cli.progress import ProgressFormat, observer
from compose_bluegreen.cli.verb import Verb
from compose_bluegreen.config.requests import DownRequest, ProjectLocation
from compose_bluegreen.domain.errors import ExitCode


def down(
    invocation: Invocation, progress: Progress = ProgressFormat.AUTO, wait: Wait = None
) -> int:
    """Remove both colours and the proxy.

    Keeps the history. Does not touch the containers that docker compose created.
    """
    request = DownRequest(duration("--wait", wait))
    return invocation.run_with_progress(progress, _down, request, progress)


VERB = Verb(down, ("docker bluegreen down",))


def _down(location: ProjectLocation, request: DownRequest, progress: ProgressFormat) -> int:
    from compose_bluegreen.cli import project_reader

    with project_reader.named_application(location, "down", observer(progress)) as application:
        application.down(request)
    return ExitCode.DONE
