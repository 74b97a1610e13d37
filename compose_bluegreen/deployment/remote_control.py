"""``promote`` and ``abort`` while somebody's command watches a release: that command carries it out."""

from __future__ import annotations

from datetime import timedelta

from compose_bluegreen.domain.deployment import Deployment
from compose_bluegreen.domain.errors import LockHeld
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.lock import Holder, Wish, Wished
from compose_bluegreen.steps import locking

_PATIENCE = timedelta(hours=1)
"""A promoted canary may bake for a while before it is live."""


def heard(wish: Wish, actor: str, ctx: Context) -> Deployment | None:
    """What became of the deployment of whoever listened; None where nobody does."""
    holder = ctx.lock.holder()
    if holder is None or not ctx.lock.wish(Wished(wish, actor)):
        return None
    ctx.observer.remark(f"{holder.actor}, {holder.what}, has been told to {wish}")
    _until_it_ends(holder, ctx)
    with locking.until_alone(Holder(actor, str(wish), ctx.clock.now()), _PATIENCE, ctx):
        return next(iter(ctx.history.newest(ctx.project, limit=1)), None)


def _until_it_ends(holder: Holder, ctx: Context) -> None:
    deadline = ctx.clock.monotonic() + _PATIENCE.total_seconds()
    while ctx.lock.holder() == holder:
        if ctx.clock.monotonic() >= deadline:
            raise LockHeld(
                f"{holder.actor}, {holder.what}, was told, and is still under way",
                hint="docker bluegreen status shows what it does",
            )
        ctx.clock.sleep(locking.LOOK_AGAIN)
