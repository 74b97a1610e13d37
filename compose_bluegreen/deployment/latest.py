"""The newest interrupted deployment."""

from __future__ import annotations

from datetime import timedelta

from compose_bluegreen.deployment.interrupted import (
    InterruptedDeployment,
    inspect_interrupted,
    interrupted_deployments,
)
from compose_bluegreen.deployment.pending import DECIDE, pending_deployment
from compose_bluegreen.domain.errors import BluegreenError
from compose_bluegreen.domain.hints import Action, Hint
from compose_bluegreen.ports.context import Context


def latest_interrupted(ctx: Context) -> InterruptedDeployment:
    """Raises BluegreenError if no deployment is interrupted."""
    interrupted = interrupted_deployments(ctx)
    if not interrupted:
        waits = pending_deployment(ctx)
        waiting = f"; deployment {waits.id} is waiting for promotion" if waits else ""
        hint = DECIDE if waits else Hint(Action.STATUS)
        raise BluegreenError(f"no deployment of {ctx.project} is interrupted{waiting}", hint=hint)
    return inspect_interrupted(interrupted[-1], timedelta(0), ctx)
