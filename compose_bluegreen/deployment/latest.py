"""The newest interrupted deployment."""

from __future__ import annotations

from datetime import timedelta

from compose_bluegreen.deployment import pending as trial
from compose_bluegreen.deployment.interrupted import (
    InterruptedDeployment,
    inspect_interrupted,
    interrupted_deployments,
)
from compose_bluegreen.deployment.pending import DECIDE
from compose_bluegreen.domain.errors import BluegreenError
from compose_bluegreen.domain.hints import Action, Hint
from compose_bluegreen.ports.context import Context


def latest_interrupted(ctx: Context) -> InterruptedDeployment:
    """The newest. Raises BluegreenError."""
    pending = interrupted_deployments(ctx)
    if not pending:
        waits = trial.pending_deployment(ctx)
        said = f"; deployment {waits.id} waits" if waits else ""
        hint = DECIDE if waits else Hint(Action.STATUS)
        raise BluegreenError(f"nothing of {ctx.project} is unfinished{said}", hint=hint)
    return inspect_interrupted(pending[-1], timedelta(0), ctx)
