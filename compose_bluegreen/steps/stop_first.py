"""Workers that must never run twice: the old one goes right before the switch, then the new starts.

The old one is removed and not only stopped, for a restart of the daemon would bring it back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from compose_bluegreen.domain.errors import NeedsPerson
from compose_bluegreen.domain.states import State
from compose_bluegreen.ports.context import Ports
from compose_bluegreen.steps import rollout as acts
from compose_bluegreen.steps.rollout import Move
from compose_bluegreen.steps.saga import Step, Undo
from compose_bluegreen.steps.source import Terms
from compose_bluegreen.steps.specs import colour_model


def exchange(moves: Sequence[Move], deployment: int, terms: Terms, at: Ports) -> Iterator[Step]:
    """What comes between the proof of all others and the switch of all."""
    late = [move for move in moves if move.exchanged]
    if not late:
        return
    cause, names = "order: stop-first", acts.named(late)
    begins = State.STARTING if len(late) == len(moves) else None
    if old := [move for move in late if move.live]:
        who = _old(old)
        back = Undo(f"start {who} again", partial(bring_back, old, at))
        yield Step(f"stop {who}", cause, partial(_take_away, old, at), back, enters=begins)
        begins = None
    yield Step(
        f"start {names}",
        cause,
        partial(acts.start, late, terms, deployment, at),
        # It can't wait: what comes next starts the old one.
        Undo(f"remove {names}", partial(acts.remove_idle, late, at)),
        enters=begins,
    )
    yield Step(
        f"wait until {names} {acts.are(late)} healthy",
        "what isn't well is taken back",
        partial(acts.all_healthy, late, terms, at),
    )


def gone(moves: Sequence[Move], at: Ports) -> list[Move]:
    """Those whose old one was taken away, by a deployment that never came to its end."""
    return [move for move in moves if move.exchanged and move.live and not _there(move, at)]


def bring_back(moves: Sequence[Move], at: Ports) -> None:
    """As history has it, by the same image. Raises NeedsPerson where history doesn't know it."""
    engine = at.engine.identity()
    for move in moves:
        if move.live is None or _there(move, at):
            continue
        record = at.history.live(engine, move.project, move.service)
        part = record.part(move.service) if record else None
        if record is None or part is None or part.colour is not move.live:
            raise NeedsPerson(
                f"history doesn't know what {move.service}-{move.live} was",
                hint="docker bluegreen up --force",
            )
        seats = at.proxy.seats(move.service, move.live)
        at.compose.start_colour(colour_model(part.release, move.live, seats, record.id))


def restored(moves: Sequence[Move], at: Ports) -> Iterator[Step]:
    """One step, where any has to come back."""
    if old := gone(moves, at):
        yield Step(
            f"start {_old(old)} again",
            "it was taken away, and no other runs",
            partial(bring_back, old, at),
        )


def _take_away(moves: Sequence[Move], at: Ports) -> None:
    names = [
        one.name for move in moves if move.live for one in acts.containers(move, move.live, at)
    ]
    if names:
        at.compose.remove(names)


def _there(move: Move, at: Ports) -> bool:
    found = acts.containers(move, move.live, at) if move.live else ()
    return any(one.running for one in found)


def _old(moves: Sequence[Move]) -> str:
    return acts.those([(move, move.live) for move in moves if move.live])
