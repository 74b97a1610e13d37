"""``down``: colours and proxy go; history and the user's own project stay."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import partial

from compose_bluegreen.errors import BluegreenError
from compose_bluegreen.models import companion
from compose_bluegreen.ports import Holder, Ports
from compose_bluegreen.routing import Change
from compose_bluegreen.saga import Step, told
from compose_bluegreen.up import Caller


def down(project: str, caller: Caller, at: Ports) -> None:
    """Raises BluegreenError where there is nothing of ours, LockHeld during a deployment."""
    if at.proxy.topology() is None:
        raise BluegreenError(
            f"nothing of ours runs for {project}", hint="docker bluegreen up starts it"
        )
    step = Step(f"remove {companion(project)}", "down", partial(_remove, project, caller, at))
    if any(at.proxy.routes().values()):
        at.observer.remark("what is live stops serving now")
    told(step, at)


def _remove(project: str, caller: Caller, at: Ports) -> None:
    with _alone(Holder(caller.actor, "down", at.clock.now()), at):
        at.proxy.remove()
        at.history.removed(caller.engine, project, at.clock.now())


def _alone(holder: Holder, at: Ports) -> AbstractContextManager[None]:
    """A proxy that doesn't run holds no lock, and nobody deploys by it."""
    topology = at.proxy.topology()
    runs = topology and at.proxy.change_to(topology) not in (Change.CREATE, Change.START)
    return at.lock.hold(holder) if runs else nullcontext()
