"""``docker bluegreen logs``."""

from __future__ import annotations

from typing import Annotated

import typer

from compose_bluegreen.cli.invocation import Invocation
from compose_bluegreen.cli.options import Service
from compose_bluegreen.cli.progress import ProgressFormat, observer
from compose_bluegreen.cli.verb import Verb
from compose_bluegreen.config.requests import LogsRequest, ProjectLocation
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import ExitCode, Interrupted


def logs(
    invocation: Invocation,
    service: Service = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Follow log output.")] = False,
    tail: Annotated[
        int | None,
        typer.Option("--tail", "-n", min=0, metavar="N", help="Show only the last N lines."),
    ] = None,
    colour: Annotated[
        Colour | None,
        typer.Option("--colour", "--color", help="Show this colour instead of the live one."),
    ] = None,
) -> int:
    """Show the log of the live colour."""
    try:
        return invocation.run(_logs, LogsRequest(service, colour, follow, tail))
    except Interrupted:
        # Ctrl-C is how a user leaves --follow: nothing failed, so no error is printed.
        return ExitCode.INTERRUPTED


VERB = Verb(
    logs,
    ("docker bluegreen logs -f web", "docker bluegreen logs --colour green --tail 50 web"),
)


def _logs(location: ProjectLocation, request: LogsRequest) -> int:
    from compose_bluegreen.cli import project_reader, stdout

    with project_reader.named_application(
        location, "logs", observer(ProgressFormat.QUIET)
    ) as application:
        stdout.write_log(application.logs(request))
    return ExitCode.DONE
