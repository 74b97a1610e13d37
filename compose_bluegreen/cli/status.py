"""``docker bluegreen status``."""

from __future__ import annotations

from typing import Annotated

import typer

from compose_bluegreen.cli.invocation import Invocation
from compose_bluegreen.cli.options import Format, Output
from compose_bluegreen.cli.progress import ProgressFormat, observer
from compose_bluegreen.cli.verb import Verb
from compose_bluegreen.config.requests import ProjectLocation
from compose_bluegreen.domain.errors import ExitCode


def status(
    invocation: Invocation,
    check: Annotated[
        bool, typer.Option("--check", help="Exit with 1 if there is any drift, for monitoring.")
    ] = False,
    output: Output = Format.TABLE,
) -> int:
    """Show the live colours and any drift.

    Shows the live release and its age, its health as HAProxy and Docker report it, the target of a
    rollback, and every drift with its remedy.
    """
    return invocation.run(_status, check, output)


VERB = Verb(status, ("docker bluegreen status", "docker bluegreen status --check --format json"))


def _status(location: ProjectLocation, check: bool, output_format: Format) -> int:
    from compose_bluegreen.cli import output, project_reader, stdout

    with project_reader.named_application(
        location, "status", observer(ProgressFormat.PLAIN), acts=False
    ) as application:
        report = application.status()
        monitor = application.monitor_address()
    stdout.write(output.status(report, monitor, output_format))
    return ExitCode.FAILED if check and report.drifts else ExitCode.DONE
