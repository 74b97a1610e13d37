"""``down``: colours and proxy go; history and the user's own project stay."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from functools import partial

from compose_bluegreen import hooks, waiting
from compose_bluegreen.domain import State
from compose_bluegreen.errors import BluegreenError
from compose_bluegreen.models import colour_labels, companion
from compose_bluegreen.ports import Holder, Ports
from compose_bluegreen.routing import Change
from compose_bluegreen.saga import Step, told
from compose_bluegreen.unfinished import unfinished
from compose_bluegreen.up import Caller


def down(project: str, caller: Caller, at: Ports, patience: timedelta | None = None) -> None:
    """Raises BluegreenError where there is nothing of ours, LockHeld during a deployment.

    It can be given again: one that was killed halfway left whatever it hadn't come to.
    """
    if not _anything_is_left(project, caller.engine, at):
        raise BluegreenError(
            f"nothing of ours runs for {project}", hint="docker bluegreen up starts it"
        )
    with alone(Holder(caller.actor, "down", at.clock.now()), patience, at):
        if any(at.proxy.routes().values()):
            at.observer.remark("what is live stops serving now")
        told(
            Step(f"remove {companion(project)}", "down", partial(_remove, project, caller, at)), at
        )


def _anything_is_left(project: str, engine: str, at: Ports) -> bool:
    if at.proxy.topology() is not None or at.engine.containers(colour_labels(project)):
        return True
    return any(
        one.engine == engine and one.state is State.LIVE for one in at.history.newest(project)
    )


def _remove(project: str, caller: Caller, at: Ports) -> None:
    hooks.clear(project, at)
    at.proxy.remove()
    now = at.clock.now()
    for one in unfinished(caller.engine, project, at):
        ended = State.REMOVED if one.state is State.STUCK else State.INTERRUPTED
        at.history.to(one.id, ended, now, "down took away what it had left")
    for one in at.history.waiting(caller.engine, project):
        at.history.to(one.id, State.INTERRUPTED, now, "down took it away while it waited")
    at.history.removed(caller.engine, project, now)


def alone(holder: Holder, patience: timedelta | None, at: Ports) -> AbstractContextManager[None]:
    """A proxy that doesn't run holds no lock, and nobody deploys by it."""
    topology = at.proxy.topology()
    runs = topology and at.proxy.change_to(topology) not in (Change.CREATE, Change.START)
    return waiting.until_alone(holder, patience, at) if runs else nullcontext()
