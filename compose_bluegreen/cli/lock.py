"""``docker bluegreen lock``."""

from __future__ import annotations

from typing import Annotated

import typer

from compose_bluegreen.cli.invocation import Invocation
from compose_bluegreen.cli.options import Format, Output
from compose_bluegreen.cli.progress import ProgressFormat, observer
from compose_bluegreen.cli.verb import Verb
from compose_bluegreen.config.requests import LockAct, ProjectLocation
from compose_bluegreen.domain.errors import ExitCode


def lock(
    invocation: Invocation,
    act: Annotated[LockAct, typer.Argument(metavar="status|release", hidden=True)],
    output: Output = Format.TABLE,
) -> int:
    """Show or release the deployment lock.

    status shows who is deploying. release takes the lock from a command that hangs: that command
    stops at its next step without further changes, and the next up cleans up.
    """
    return invocation.run(_lock, act, output)


VERB = Verb(lock, ("docker bluegreen lock status", "docker bluegreen lock release"))


def _lock(location: ProjectLocation, act: LockAct, output_format: Format) -> int:
    from compose_bluegreen.cli import output, project_reader, stdout

    with project_reader.named_application(
        location, "lock", observer(ProgressFormat.QUIET), acts=False
    ) as application:
        owner = application.lock(act)
        answer = output.lock if act is LockAct.STATUS else output.released
        stdout.write(answer(application.project, owner, output_format))
    return ExitCode.DONE
