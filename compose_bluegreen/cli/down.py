"""``docker bluegreen down``."""

from __future__ import annotations

from datetime import timedelta

from compose_bluegreen.cli.invocation import Invocation
from compose_bluegreen.cli.options import Progress, Wait, duration
from compose_bluegreen.cli.progress import Face
from compose_bluegreen.cli.verb import Verb
from compose_bluegreen.config.requests import ProjectLocation
from compose_bluegreen.domain.errors import ExitCode


def down(invocation: Invocation, progress: Progress = Face.AUTO, wait: Wait = None) -> int:
    """Remove both colours and the proxy.

    Keeps the history. Does not touch the containers that docker compose created.
    """
    patience = duration("--wait", wait)
    return invocation.run_with_progress(progress, _down, patience, progress)


VERB = Verb(down, ("docker bluegreen down",))


def _down(where: ProjectLocation, patience: timedelta | None, progress: Face) -> int:
    from compose_bluegreen.cli import project_reader

    name = project_reader.start_reading_name(where)
    from compose_bluegreen.commands import down as core

    with project_reader.named_project(where, name, progress) as out:
        core.down(out.ctx, patience)
    return ExitCode.DONE
