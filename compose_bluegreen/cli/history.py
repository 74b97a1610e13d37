"""``docker bluegreen history``."""

from __future__ import annotations

from typing import Annotated

import typer

from compose_bluegreen.cli.invocation import Invocation
from compose_bluegreen.cli.options import Format, Output, Service
from compose_bluegreen.cli.verb import Verb
from compose_bluegreen.config.requests import HistoryRequest, ProjectLocation
from compose_bluegreen.domain.errors import ExitCode


def history(
    invocation: Invocation,
    service: Service = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, metavar="N", help="Number of deployments.")
    ] = 20,
    output: Output = Format.TABLE,
) -> int:
    """List deployments, newest first."""
    return invocation.run(_history, HistoryRequest(service, limit), output)


VERB = Verb(
    history,
    ("docker bluegreen history", "docker bluegreen history web --limit 5 --format json"),
)


def _history(location: ProjectLocation, request: HistoryRequest, output_format: Format) -> int:
    from compose_bluegreen.cli import output, project_reader, stdout

    with project_reader.stored_records(location) as records:
        deployments = records.newest(request)
    stdout.write(output.history(deployments, output_format))
    return ExitCode.DONE
