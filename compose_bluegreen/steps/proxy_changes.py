"""What the proxy must become, what that costs, and who has to agree to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial

from compose_bluegreen.domain.deployment import Draft
from compose_bluegreen.domain.errors import BluegreenError, LockLost, NeedsPerson
from compose_bluegreen.domain.release import works_unasked
from compose_bluegreen.domain.topology import Change, Topology
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.engine import Container
from compose_bluegreen.ports.lock import Holder
from compose_bluegreen.runtime.interrupts import shielded
from compose_bluegreen.steps import locking
from compose_bluegreen.steps.desired_topology import with_release
from compose_bluegreen.steps.rollout import Move, live
from compose_bluegreen.steps.saga import Step, Undo, told_before_the_lock
from compose_bluegreen.steps.source import Attempt, Terms

BEFORE_THE_LOCK = (Change.CREATE, Change.START)
"""The lock is in the proxy: these make one that runs."""


def full(attempt: Attempt, moves: Sequence[Move], ctx: Context) -> Topology:
    topology = attempt.topology(ctx.proxy.topology())
    for move in moves:
        topology = with_release(topology, move.release, move.idle)
    return topology


def wanted(attempt: Attempt, moves: Sequence[Move], ctx: Context) -> Topology:
    """Without the ports and names that a container of the user's own project still has."""
    held = [move.service for move in moves if move.held_by]
    return full(attempt, moves, ctx).without_fronts(held)


def allowed(wanted: Topology, moves: Sequence[Move], terms: Terms, ctx: Context) -> Change:
    """What it takes; raises where that costs somebody's requests and nobody has agreed to it."""
    _refuse_a_second_worker(moves)
    holders = [one for move in moves for one in move.held_by]
    if terms.no_switch and moves and all(move.exchanged for move in moves):
        raise BluegreenError(
            f"{' and '.join(move.service for move in moves)} starts only at the switch: order: stop-first",
            hint="docker bluegreen up, without --no-switch",
        )
    if holders and terms.no_switch:
        raise BluegreenError(
            f"{names(holders)} of your own project serves now: what waits beside it could not take"
            " its ports over without a gap",
            hint="release it once with docker bluegreen up --take-over; --no-switch is for later ones",
        )
    if holders and not terms.take_over:
        raise BluegreenError(
            f"{names(holders)} of your own project serves now, and Docker can't hand its ports over"
            " without a gap of a second or more",
            hint="run it again with --take-over when that suits you; everything is proven first",
        )
    change = ctx.proxy.change_to(wanted)
    agreed = terms.recreate_proxy or not live(ctx)
    if (holders or change is Change.RECREATE) and not agreed:
        raise BluegreenError(
            "the proxy needs a new container, for Docker fixes ports, names and image when it makes"
            " one: a gap of a second or more",
            hint="run it again with --recreate-proxy when that suits you",
        )
    return change


def _refuse_a_second_worker(moves: Sequence[Move]) -> None:
    for move in moves:
        if move.held_by and works_unasked(move.release):
            raise BluegreenError(
                f"{names(move.held_by)} of your own project does the work of {move.service}",
                hint=f"docker compose rm --stop --force {move.service}, then docker bluegreen up",
            )


def holder(draft: Draft) -> Holder:
    return Holder(draft.actor, f"{draft.kind} {' '.join(draft.services)}", draft.started_at)


@contextmanager
def under_the_lock(
    wanted: Topology, change: Change, attempt: Attempt, ctx: Context
) -> Iterator[None]:
    """There must be a proxy before there can be a lock in it; one that serves nobody goes again."""
    draft = attempt.draft
    me = holder(draft)
    try:
        if change in BEFORE_THE_LOCK:
            make = partial(_make, attempt.ground, wanted, change, ctx)
            step = replace(proxy_step(wanted, change, ctx), act=make)
            told_before_the_lock(step, draft, ctx)
        with locking.until_alone(me, attempt.terms.patience, ctx):
            if change not in BEFORE_THE_LOCK:
                attempt.ground()
            yield
    except (NeedsPerson, LockLost):
        raise
    except BaseException:
        if change is Change.CREATE:
            with shielded(ctx.observer.remark), suppress(BluegreenError):
                _remove_useless_proxy(me, ctx)
        raise


def _remove_useless_proxy(me: Holder, ctx: Context) -> None:
    """Only under the lock: somebody else may be about to use it."""
    with ctx.lock.hold(me):
        if not live(ctx):
            ctx.proxy.remove()


def proxy_step(wanted: Topology, change: Change, ctx: Context) -> Step:
    name, cause = {
        Change.CREATE: ("create the proxy", "there is none yet"),
        Change.START: ("start the proxy", "it has stopped"),
        Change.RELOAD: ("reload the proxy", "what it was told has changed; nothing is lost"),
        Change.RECREATE: ("recreate the proxy", "its ports, names or image changed"),
    }[change]
    before = ctx.proxy.topology() if change is Change.RECREATE else None
    undo = Undo("put the proxy back", partial(_put_back, before, wanted, ctx)) if before else None
    return Step(name, cause, partial(_apply, wanted, change, ctx), undo)


def _make(ground: Callable[[], None], wanted: Topology, change: Change, ctx: Context) -> str:
    # Docker would let two machines make two networks of one name.
    with ctx.proxy.alone(wanted):
        ground()
        return _apply(wanted, change, ctx)


def _apply(wanted: Topology, change: Change, ctx: Context) -> str:
    return gap(ctx.proxy.apply(wanted, change))


def gap(seconds: float) -> str:
    return f"nobody answered for {seconds:.2f} s" if seconds else ""


def _put_back(before: Topology, wanted: Topology, ctx: Context) -> None:
    """Only if neither runs: one that does serves too, and costs no second gap."""
    change = ctx.proxy.change_to(before)
    if Change.NONE not in (change, ctx.proxy.change_to(wanted)):
        ctx.proxy.apply(before, change)


def take_over(holders: Sequence[Container], full: Topology, ctx: Context) -> str:
    began = ctx.clock.monotonic()
    ctx.workloads.stop([one.name for one in holders])
    ctx.proxy.apply(full, Change.RECREATE)
    return f"nobody answered for {ctx.clock.monotonic() - began:.1f} s"


def give_back(holders: Sequence[Container], before: Topology, ctx: Context) -> None:
    ctx.proxy.apply(before, ctx.proxy.change_to(before))
    ctx.workloads.start([one.name for one in holders])


def names(containers: Sequence[Container]) -> str:
    return " and ".join(one.name for one in containers)
