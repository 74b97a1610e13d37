"""``down``: colours and proxy go; history and the user's own project stay."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from compose_bluegreen.deployment.interrupted import unfinished
from compose_bluegreen.domain.caller import Caller
from compose_bluegreen.domain.errors import BluegreenError
from compose_bluegreen.domain.labels import colour_labels
from compose_bluegreen.domain.names import companion
from compose_bluegreen.domain.states import State
from compose_bluegreen.ports.context import Ports
from compose_bluegreen.ports.lock import Holder
from compose_bluegreen.steps import hooks
from compose_bluegreen.steps.locking import alone
from compose_bluegreen.steps.saga import Step, told


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
