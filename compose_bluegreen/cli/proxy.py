"""``docker bluegreen proxy``."""

from __future__ import annotations

from typing import Annotated

import typer

from compose_bluegreen.cli.invocation import Invocation
from compose_bluegreen.cli.options import Progress, Wait, duration
from compose_bluegreen.cli.progress import Face
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
    progress: Progress = Face.AUTO,
    wait: Wait = None,
) -> int:
    """Reload or recreate the proxy, or show its log.

    reload applies the compose file's proxy settings without dropping requests. recreate replaces
    the container, for a new image or new ports, and reports the downtime.
    """
    order = ProxyRequest(act, pull, follow, tail, duration("--wait", wait))
    try:
        return invocation.run_with_progress(progress, _proxy, order, progress)
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


def _proxy(where: ProjectLocation, order: ProxyRequest, progress: Face) -> int:
    if order.act is ProxyAct.LOGS:
        return _logs(where, order)
    from compose_bluegreen.cli import project_reader

    reading = project_reader.start_reading(where)
    from compose_bluegreen.cli import composition
    from compose_bluegreen.cli.progress import observer
    from compose_bluegreen.commands import proxy as core

    reports, project = observer(progress), reading.project()
    git, certificates = reading.git_revision(), reading.certificates
    with composition.outside(where, project.name, reports, git, certificates=certificates) as out:
        if order.act is ProxyAct.RELOAD:
            core.reload(project, out.ctx, order.patience)
        else:
            core.recreate(project, out.ctx, order.patience, pull=order.pull)
    return ExitCode.DONE


def _logs(where: ProjectLocation, order: ProxyRequest) -> int:
    from compose_bluegreen.cli import project_reader

    name = project_reader.start_reading_name(where)
    from compose_bluegreen.cli import stdout

    with project_reader.named_project(where, name, Face.QUIET, acts=False) as out:
        stdout.write_log(out.proxy.log(follow=order.follow, tail=order.tail))
    return ExitCode.DONE
