"""``promote`` and ``abort`` while another command runs a canary or a bake: that command obeys the signal."""

from __future__ import annotations

from datetime import timedelta

from compose_bluegreen.domain.deployment import Deployment
from compose_bluegreen.domain.errors import LockHeld
from compose_bluegreen.domain.hints import Action, Hint
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.lock import ControlSignal, LockOwner, SignalRequest
from compose_bluegreen.steps import locking

_PATIENCE = timedelta(hours=1)
"""A promoted canary may bake for a while before it is live."""


def send_and_wait(signal: ControlSignal, actor: str, ctx: Context) -> Deployment | None:
    """The deployment of the command that received the signal, after its end; None if no command listens."""
    owner = ctx.lock.owner()
    if owner is None or not ctx.lock.signal(SignalRequest(signal, actor)):
        return None
    ctx.observer.remark(f"asked {owner.actor}'s `{owner.command}` to {signal}")
    _until_it_ends(owner, ctx)
    with locking.until_alone(LockOwner(actor, str(signal), ctx.clock.now()), _PATIENCE, ctx):
        return next(iter(ctx.history.newest(ctx.project, limit=1)), None)


def _until_it_ends(owner: LockOwner, ctx: Context) -> None:
    deadline = ctx.clock.monotonic() + _PATIENCE.total_seconds()
    while ctx.lock.owner() == owner:
        if ctx.clock.monotonic() >= deadline:
            raise LockHeld(
                f"{owner.actor}'s `{owner.command}` received the request, but is still running",
                hint=Hint(Action.STATUS, " shows what it does"),
            )
        ctx.clock.sleep(locking.LOOK_AGAIN)
