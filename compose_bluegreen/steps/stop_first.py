"""Workers that must never run twice: the old one goes right before the switch, then the new starts.

The old one is removed and not only stopped, for a restart of the daemon would bring it back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from compose_bluegreen.domain.errors import NeedsPerson
from compose_bluegreen.domain.states import State
from compose_bluegreen.ports.context import Context
from compose_bluegreen.steps import rollout as acts
from compose_bluegreen.steps.rollout import Move
from compose_bluegreen.steps.saga import Step, Undo
from compose_bluegreen.steps.source import Terms


def exchange(moves: Sequence[Move], deployment: int, terms: Terms, ctx: Context) -> Iterator[Step]:
    """What comes between the proof of all others and the switch of all."""
    late = [move for move in moves if move.exchanged]
    if not late:
        return
    cause, names = "order: stop-first", acts.named(late)
    begins = State.STARTING if len(late) == len(moves) else None
    if old := [move for move in late if move.live]:
        who = _old(old)
        back = Undo(f"start {who} again", partial(bring_back, old, ctx))
        yield Step(f"stop {who}", cause, partial(_take_away, old, ctx), back, enters=begins)
        begins = None
    yield Step(
        f"start {names}",
        cause,
        partial(acts.start, late, terms, deployment, ctx),
        # It can't wait: what comes next starts the old one.
        Undo(f"remove {names}", partial(acts.remove_idle, late, ctx)),
        enters=begins,
    )
    yield Step(
        f"wait until {names} {acts.are(late)} healthy",
        "what isn't well is taken back",
        partial(acts.all_healthy, late, terms, ctx),
    )


def gone(moves: Sequence[Move], ctx: Context) -> list[Move]:
    """Those whose old one was taken away, by a deployment that never came to its end."""
    return [move for move in moves if move.exchanged and move.live and not _there(move, ctx)]


def bring_back(moves: Sequence[Move], ctx: Context) -> None:
    """As history has it, by the same image. Raises NeedsPerson where history doesn't know it."""
    for move in moves:
        if move.live is None or _there(move, ctx):
            continue
        live = ctx.live_colour(move.service)
        if live is None or live.colour is not move.live:
            raise NeedsPerson(
                f"history doesn't know what {move.service}-{move.live} was",
                hint="docker bluegreen up --force",
            )
        ctx.workloads.start_colours([live])


def restored(moves: Sequence[Move], ctx: Context) -> Iterator[Step]:
    """One step, where any has to come back."""
    if old := gone(moves, ctx):
        yield Step(
            f"start {_old(old)} again",
            "it was taken away, and no other runs",
            partial(bring_back, old, ctx),
        )


def _take_away(moves: Sequence[Move], ctx: Context) -> None:
    names = [
        one.name for move in moves if move.live for one in acts.containers(move, move.live, ctx)
    ]
    if names:
        ctx.workloads.remove(names)


def _there(move: Move, ctx: Context) -> bool:
    found = acts.containers(move, move.live, ctx) if move.live else ()
    return any(one.running for one in found)


def _old(moves: Sequence[Move]) -> str:
    return acts.those([(move, move.live) for move in moves if move.live])
