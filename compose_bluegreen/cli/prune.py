"""``docker bluegreen prune``."""

from __future__ import annotations

from typing import Annotated

import typer

from compose_bluegreen.cli.invocation import Invocation
from compose_bluegreen.cli.progress import ProgressFormat, observer
from compose_bluegreen.cli.verb import Verb
from compose_bluegreen.config.requests import ProjectLocation, PruneRequest
from compose_bluegreen.domain.errors import ExitCode


def prune(
    invocation: Invocation,
    failed: Annotated[
        bool, typer.Option("--failed", help="Also remove images kept by up --keep-failed.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List what would be removed, without removing it.")
    ] = False,
) -> int:
    """Remove old images and expired standby colours.

    Every release does this too. Keeps the images of running containers and of the newest releases,
    as many as `keep` says.
    """
    return invocation.run(_prune, PruneRequest(failed=failed, dry_run=dry_run))


VERB = Verb(prune, ("docker bluegreen prune --dry-run", "docker bluegreen prune --failed"))


def _prune(location: ProjectLocation, request: PruneRequest) -> int:
    from compose_bluegreen.cli import output, project_reader, stdout

    with project_reader.named_application(
        location, "prune", observer(ProgressFormat.QUIET)
    ) as application:
        pruned = application.prune(request)
    stdout.write(output.pruned(pruned, request))
    return ExitCode.DONE
