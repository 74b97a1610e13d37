"""The newest interrupted deployment."""

from __future__ import annotations

from datetime import timedelta

from compose_bluegreen.deployment import pending as trial
from compose_bluegreen.deployment.interrupted import Unfinished, read, unfinished
from compose_bluegreen.deployment.pending import DECIDE
from compose_bluegreen.domain.errors import BluegreenError
from compose_bluegreen.ports.context import Context


def the_one(ctx: Context) -> Unfinished:
    """The newest. Raises BluegreenError."""
    pending = unfinished(ctx)
    if not pending:
        waits = trial.the_one(ctx)
        said = f"; deployment {waits.id} waits" if waits else ""
        hint = DECIDE if waits else "docker bluegreen status"
        raise BluegreenError(f"nothing of {ctx.project} is unfinished{said}", hint=hint)
    return read(pending[-1], timedelta(0), ctx)
