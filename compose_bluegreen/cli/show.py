"""``docker bluegreen show``."""

from __future__ import annotations

from typing import Annotated

import typer

from compose_bluegreen.cli.invocation import Invocation
from compose_bluegreen.cli.options import Format, Output
from compose_bluegreen.cli.verb import Verb
from compose_bluegreen.config.requests import ProjectLocation
from compose_bluegreen.domain.errors import ExitCode


def show(
    invocation: Invocation,
    deployment: Annotated[int, typer.Argument(min=1, metavar="ID", hidden=True)],
    output: Output = Format.TABLE,
) -> int:
    """Show one deployment and its steps.

    Shows the cause and the duration of each step, and the last output of what failed. history lists
    the IDs.
    """
    return invocation.run(_show, deployment, output)


VERB = Verb(show, ("docker bluegreen show 42",))


def _show(location: ProjectLocation, number: int, output_format: Format) -> int:
    from compose_bluegreen.cli import output, project_reader, stdout

    with project_reader.stored_records(location) as records:
        deployment = records.deployment(number)
    stdout.write(output.show(deployment, output_format))
    return ExitCode.DONE
