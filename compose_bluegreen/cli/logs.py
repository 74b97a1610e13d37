"""``docker bluegreen logs``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from compose_bluegreen.cli.invocation import Invocation
from compose_bluegreen.cli.options import Service
from compose_bluegreen.cli.progress import Face
from compose_bluegreen.cli.verb import Verb
from compose_bluegreen.config.requests import ProjectLocation
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import BluegreenError, ExitCode, Interrupted

if TYPE_CHECKING:
    from compose_bluegreen.cli.composition import Outside
    from compose_bluegreen.ports.engine import Container


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
        return invocation.run(_logs, service, colour, follow, tail)
    except Interrupted:
        # Ctrl-C is how a user leaves --follow: nothing failed, so no error is printed.
        return ExitCode.INTERRUPTED


VERB = Verb(
    logs,
    ("docker bluegreen logs -f web", "docker bluegreen logs --colour green --tail 50 web"),
)


def _logs(
    where: ProjectLocation,
    service: str | None,
    colour: Colour | None,
    follow: bool,
    tail: int | None,
) -> int:
    from compose_bluegreen.cli import project_reader

    name = project_reader.start_reading_name(where)
    from compose_bluegreen.cli import stdout

    with project_reader.named_project(where, name, Face.QUIET) as out:
        containers = [one.name for one in _containers(out, service, colour)]
        stdout.write_log(out.compose.logs(containers, follow=follow, tail=tail))
    return ExitCode.DONE


def _containers(out: Outside, service: str | None, colour: Colour | None) -> list[Container]:
    project, routes = out.ctx.project, out.ctx.proxy.routes()
    containers = [
        container
        for container in out.ctx.colour_containers(service)
        if container.service and container.colour is (colour or routes.get(container.service))
    ]
    if not containers:
        raise BluegreenError(
            f"no container of {service or project} runs in {colour or 'the live colour'}",
            hint="docker bluegreen status",
        )
    return containers
