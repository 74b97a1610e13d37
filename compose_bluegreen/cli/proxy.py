"""``docker bluegreen proxy``."""

from __future__ import annotations

from typing import Annotated

import typer

from compose_bluegreen.cli.invocation import Invocation
from compose_bluegreen.cli.options import Progress, Wait, duration
from compose_bluegreen.cli.progress import ProgressFormat, observer
from compose_bluegreen.cli.verb import Verb
from compose_bluegreen.config.requests import ProjectLocation, ProxyAct, ProxyRequest
from compose_bluegreen.domain.errors import ExitCode, Interrupted


def proxy(  # noqa: PLR0913, PLR0917 - one parameter a flag
    invocation: Invocation,
    act: Annotated[ProxyAct, typer.Argument(metavar="reload|recreate|logs", hidden=True)],
    pull: Annotated[
        bool, typer.Option("--pull", help="Pull or rebuild the proxy's image before recreate.")
    ] = False,
    follow: Annotated[bool, typer.Option("--follow", help="Follow log output.")] = False,
    tail: Annotated[
        int | None,
        typer.Option("--tail", "-n", min=0, metavar="N", help="Show only the last N lines."),
    ] = None,
    progress: Progress = ProgressFormat.AUTO,
    wait: Wait = None,
) -> int:
    """Reload or recreate the proxy, or show its log.

    reload applies the compose file's proxy settings without dropping requests. recreate replaces
    the container, for a new image or new ports, and reports the downtime.
    """
    request = ProxyRequest(act, pull, follow, tail, duration("--wait", wait))
    try:
        return invocation.run_with_progress(progress, _proxy, request, progress)
    except Interrupted:
        if act is not ProxyAct.LOGS:
            raise
        return ExitCode.INTERRUPTED


VERB = Verb(
    proxy,
    (
        "docker bluegreen proxy reload",
        "docker bluegreen proxy recreate --pull",
        "docker bluegreen proxy logs --follow",
    ),
)


def _proxy(location: ProjectLocation, request: ProxyRequest, progress: ProgressFormat) -> int:
    if request.act is ProxyAct.LOGS:
        return _logs(location, request)
    from compose_bluegreen.cli import project_reader

    with project_reader.read_application(location, "proxy", observer(progress)) as (
        application,
        project,
    ):
        application.proxy(request, project)
    return ExitCode.DONE


def _logs(location: ProjectLocation, request: ProxyRequest) -> int:
    from compose_bluegreen.cli import project_reader, stdout

    with project_reader.named_application(
        location, "proxy", observer(ProgressFormat.QUIET), acts=False
    ) as application:
        stdout.write_log(application.proxy_log(request))
    return ExitCode.DONE
