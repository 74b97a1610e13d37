"""Changes of the proxy that a deployment needs, their downtime, and the options that allow it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial

from compose_bluegreen.domain.deployment import NewDeployment
from compose_bluegreen.domain.errors import BluegreenError, LockLost, NeedsPerson
from compose_bluegreen.domain.hints import Action, Command, Flag, Hint
from compose_bluegreen.domain.release import is_worker
from compose_bluegreen.domain.step_keys import StepKey, StepKind
from compose_bluegreen.domain.topology import Change, Topology
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.engine import Container
from compose_bluegreen.ports.lock import LockOwner
from compose_bluegreen.runtime.interrupts import shielded
from compose_bluegreen.steps import locking
from compose_bluegreen.steps.desired_topology import with_release
from compose_bluegreen.steps.locking import BEFORE_THE_LOCK
from compose_bluegreen.steps.rollout import Rollout, live, services
from compose_bluegreen.steps.saga import Step, Undo, run_before_the_lock
from compose_bluegreen.steps.source import DeployOptions, ReleaseSource


@dataclass(frozen=True, slots=True)
class Placement:
    """The rollouts of a deployment, and the topologies of the proxy for them.

    ``until_take_over`` is the topology before the first container starts: without the ports and names
    that the user's own containers still have. ``desired`` is the topology after the take-over.
    """

    rollouts: Sequence[Rollout]
    until_take_over: Topology
    desired: Topology
    change: Change = Change.NONE

    def without_change(self) -> Placement:
        return replace(self, change=Change.NONE)


def place(source: ReleaseSource, rollouts: Sequence[Rollout], ctx: Context) -> Placement:
    """Raises BluegreenError if the change causes downtime and the user has not allowed it."""
    desired = source.topology(ctx.proxy.topology())
    for rollout in rollouts:
        desired = with_release(desired, rollout.release, rollout.idle)
    held = [rollout.service for rollout in rollouts if rollout.existing_containers]
    until_take_over = desired.without_published(held)
    change = allowed_change(until_take_over, rollouts, source.options, ctx)
    return Placement(rollouts, until_take_over, desired, change)


def allowed_change(
    desired: Topology, rollouts: Sequence[Rollout], options: DeployOptions, ctx: Context
) -> Change:
    """The change of the proxy that ``desired`` needs. Raises BluegreenError as ``place`` does."""
    existing = [container for rollout in rollouts for container in rollout.existing_containers]
    _refuse_unsafe(rollouts, existing, options)
    change = ctx.proxy.change_to(desired)
    agreed = options.recreate_proxy or not live(ctx)
    if (existing or change is Change.RECREATE) and not agreed:
        raise BluegreenError(
            "the proxy needs a new container, because Docker fixes ports, names and image at its"
            " creation: a downtime of a second or more",
            hint="run it again with --recreate-proxy when that is acceptable",
        )
    return change


def _refuse_unsafe(
    rollouts: Sequence[Rollout], existing: Sequence[Container], options: DeployOptions
) -> None:
    _refuse_a_second_worker(rollouts)
    if options.no_switch and rollouts and all(rollout.stop_first for rollout in rollouts):
        raise BluegreenError(
            f"{' and '.join(rollout.service for rollout in rollouts)} has order: stop-first, so it starts only at the switch",
            hint=Hint(Action.UP, ", without --no-switch"),
        )
    if existing and options.no_switch:
        raise BluegreenError(
            f"{names(existing)} of your own project is live: a waiting deployment could not take"
            " its ports over without downtime",
            hint=Hint(
                "release it once with ",
                Command(Action.UP, flags=(Flag.TAKE_OVER,)),
                "; later releases can use --no-switch",
            ),
        )
    if existing and not options.take_over:
        raise BluegreenError(
            f"{names(existing)} of your own project is live, and Docker can't move its ports to the proxy"
            " without a downtime of a second or more",
            hint="run it again with --take-over when that is acceptable; health checks run first",
        )


def _refuse_a_second_worker(rollouts: Sequence[Rollout]) -> None:
    for rollout in rollouts:
        if rollout.existing_containers and is_worker(rollout.release):
            raise BluegreenError(
                f"{names(rollout.existing_containers)} of your own project is a running worker of {rollout.service}",
                hint=Hint(f"docker compose rm --stop --force {rollout.service}, then ", Action.UP),
            )


def lock_owner(new_deployment: NewDeployment) -> LockOwner:
    return LockOwner(
        new_deployment.actor,
        f"{new_deployment.kind} {' '.join(new_deployment.services)}",
        new_deployment.started_at,
    )


@contextmanager
def under_the_lock(placement: Placement, source: ReleaseSource, ctx: Context) -> Iterator[None]:
    """Holds the lock. Creates the proxy first if needed, because the lock is in it; after a failure,
    a new proxy without a live colour is removed."""
    new_deployment, change = source.new_deployment, placement.change
    owner = lock_owner(new_deployment)
    try:
        if change in BEFORE_THE_LOCK:
            make = partial(_make, source.ground, placement.until_take_over, change, ctx)
            for step in steps_before_the_lock(placement, ctx):
                run_before_the_lock(replace(step, act=make), new_deployment, ctx)
        with locking.until_alone(owner, source.options.patience, ctx):
            if change not in BEFORE_THE_LOCK:
                source.ground()
            yield
    except (NeedsPerson, LockLost):
        raise
    except BaseException:
        if change is Change.CREATE:
            with shielded(ctx.observer.remark), suppress(BluegreenError):
                _remove_useless_proxy(owner, ctx)
        raise


def steps_before_the_lock(placement: Placement, ctx: Context) -> list[Step]:
    return [proxy_step(placement.until_take_over, placement.change, ctx)]


def _remove_useless_proxy(owner: LockOwner, ctx: Context) -> None:
    """Removes it under the lock, because another command may be about to use it."""
    with ctx.lock.hold(owner):
        if not live(ctx):
            ctx.proxy.remove()


def proxy_step(desired: Topology, change: Change, ctx: Context) -> Step:
    detail, name, cause = {
        Change.CREATE: ("create", "create the proxy", "there is none yet"),
        Change.START: ("start", "start the proxy", "it has stopped"),
        Change.RELOAD: (
            "reload",
            "reload the proxy",
            "its configuration changed; no request is lost",
        ),
        Change.HAND_OVER: (
            "hand_over",
            "hand over to a new HAProxy",
            "its image changed; no request is lost",
        ),
        Change.RECREATE: ("recreate", "recreate the proxy", "its ports, names or image changed"),
    }[change]
    before = ctx.proxy.topology() if change is Change.RECREATE else None
    undo = Undo("restore the proxy", partial(_put_back, before, desired, ctx)) if before else None
    key = StepKey(StepKind.PROXY, detail)
    return Step(key, name, cause, partial(_apply, desired, change, ctx), undo)


def _make(ground: Callable[[], None], desired: Topology, change: Change, ctx: Context) -> str:
    # Docker would allow two machines to create two networks with the same name.
    with ctx.proxy.alone(desired):
        ground()
        return _apply(desired, change, ctx)


def _apply(desired: Topology, change: Change, ctx: Context) -> str:
    return downtime(ctx.proxy.apply(desired, change))


def downtime(seconds: float) -> str:
    return f"downtime: {seconds:.2f} s" if seconds else ""


def _put_back(before: Topology, desired: Topology, ctx: Context) -> None:
    """Restores it only if no proxy runs: a running proxy works as well, and causes no more downtime."""
    change = ctx.proxy.change_to(before)
    if Change.NONE not in (change, ctx.proxy.change_to(desired)):
        ctx.proxy.apply(before, change)


def take_over_steps(placement: Placement, ctx: Context) -> Iterator[Step]:
    """The proxy takes the ports and names of the user's own containers, which stop."""
    held = [rollout for rollout in placement.rollouts if rollout.existing_containers]
    existing = [container for rollout in held for container in rollout.existing_containers]
    if existing:
        yield Step(
            StepKey(StepKind.TAKE_OVER),
            f"take over from {names(existing)}",
            "it has the ports and the name until now",
            partial(take_over, existing, placement.desired, ctx),
            Undo(
                f"return the ports to {names(existing)}",
                partial(give_back, existing, placement.until_take_over, ctx),
            ),
            services=services(held),
        )


def take_over(existing: Sequence[Container], desired: Topology, ctx: Context) -> str:
    began = ctx.clock.monotonic()
    ctx.workloads.stop(existing)
    ctx.proxy.apply(desired, Change.RECREATE)
    return f"downtime: {ctx.clock.monotonic() - began:.1f} s"


def give_back(existing: Sequence[Container], before: Topology, ctx: Context) -> None:
    ctx.proxy.apply(before, ctx.proxy.change_to(before))
    ctx.workloads.start(existing)


def names(containers: Sequence[Container]) -> str:
    return " and ".join(container.name for container in containers)
