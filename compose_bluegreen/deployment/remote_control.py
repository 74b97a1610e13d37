"""``promote`` and ``abort`` while somebody's command watches a release: that command carries it out."""

from __future__ import annotations

from datetime import timedelta

from compose_bluegreen.domain.deployment import Deployment
from compose_bluegreen.domain.errors import LockHeld
from compose_bluegreen.ports.context import Ports
from compose_bluegreen.ports.lock import Holder, Wish, Wished
from compose_bluegreen.steps import locking

_PATIENCE = timedelta(hours=1)
"""A promoted canary may bake for a while before it is live."""


def heard(wish: Wish, project: str, actor: str, at: Ports) -> Deployment | None:
    """What became of the deployment of whoever listened; None where nobody does."""
    holder = at.lock.holder()
    if holder is None or not at.lock.wish(Wished(wish, actor)):
        return None
    at.observer.remark(f"{holder.actor}, {holder.what}, has been told to {wish}")
    _until_it_ends(holder, at)
    with locking.until_alone(Holder(actor, str(wish), at.clock.now()), _PATIENCE, at):
        return next(iter(at.history.newest(project, limit=1)), None)


def _until_it_ends(holder: Holder, at: Ports) -> None:
    deadline = at.clock.monotonic() + _PATIENCE.total_seconds()
    while at.lock.holder() == holder:
        if at.clock.monotonic() >= deadline:
            raise LockHeld(
                f"{holder.actor}, {holder.what}, was told, and is still under way",
                hint="docker bluegreen status shows what it does",
            )
        at.clock.sleep(locking.LOOK_AGAIN)
