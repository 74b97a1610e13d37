"""Waits for the lock, and holds it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from datetime import timedelta

from compose_bluegreen.domain import durations
from compose_bluegreen.domain.errors import LockHeld
from compose_bluegreen.domain.topology import Change
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.lock import LockOwner

LOOK_AGAIN = 0.25
"""Seconds between two attempts to get a lock that another command holds."""

BEFORE_THE_LOCK = (Change.CREATE, Change.START)
"""The lock is in the proxy, so these changes of the proxy must come before the lock."""


@contextmanager
def until_alone(owner: LockOwner, patience: timedelta | None, ctx: Context) -> Iterator[None]:
    """Holds the lock. With ``patience``, reports the owner and waits for it. Raises LockHeld."""
    deadline = ctx.clock.monotonic() + (patience.total_seconds() if patience else 0.0)
    reported = False
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(ctx.lock.hold(owner))
                break
            except LockHeld as refused:
                if ctx.clock.monotonic() >= deadline:
                    raise
                if patience and not reported:
                    ctx.observer.remark(
                        f"waiting up to {durations.show(patience)}: {refused.message}"
                    )
                reported = True
                ctx.clock.sleep(LOOK_AGAIN)
        yield


def alone(
    owner: LockOwner, patience: timedelta | None, ctx: Context
) -> AbstractContextManager[None]:
    """Without a running proxy there is no lock, and no other command can deploy."""
    return until_alone(owner, patience, ctx) if proxy_runs(ctx) else nullcontext()


def proxy_runs(ctx: Context) -> bool:
    topology = ctx.proxy.topology()
    return topology is not None and ctx.proxy.change_to(topology) not in BEFORE_THE_LOCK
