"""What waits: proven in the idle colour, without traffic, until a person decides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.deployment import HOLD, Deployment, Draft, Part
from compose_bluegreen.domain.errors import BluegreenError
from compose_bluegreen.domain.release import built_here
from compose_bluegreen.domain.states import State
from compose_bluegreen.ports.context import Ports
from compose_bluegreen.steps import images
from compose_bluegreen.steps import rollout as acts
from compose_bluegreen.steps.rollout import Move
from compose_bluegreen.steps.saga import Step
from compose_bluegreen.steps.source import Terms

DECIDE = "docker bluegreen promote switches to it, docker bluegreen abort takes it away"
"""What a person may do about a deployment that waits."""


def the_one(engine: str, project: str, at: Ports) -> Deployment | None:
    """That waits, with parts and steps. Of a project there is one at a time."""
    return next(iter(at.history.waiting(engine, project)), None)


def colours(engine: str, project: str, at: Ports) -> set[tuple[str | None, str | None]]:
    """Service and colour of what waits: nobody may take them for leftovers."""
    found = the_one(engine, project, at)
    return {(part.service, str(part.colour)) for part in found.parts} if found else set()


def hold(moves: Sequence[Move], at: Ports) -> Step:
    """The last step of ``--no-switch``. What it names is kept as after any other release."""
    return Step(
        f"{HOLD}{acts.named([move for move in moves if not move.exchanged])} back",
        "--no-switch: docker bluegreen promote switches",
        partial(_keep, moves, at),
        enters=State.WAITING,
    )


def gives_way(
    draft: Draft, moves: Sequence[Move], deployment: int, terms: Terms, at: Ports
) -> Iterator[Step]:
    """Its colour is needed, or its place: only one waits. Comes before anything of the new one
    starts, and after its images are there."""
    found = the_one(draft.engine, draft.project, at)
    if found is None:
        return
    needed = {move.service for move in moves} & {part.service for part in found.parts}
    if needed or terms.no_switch:
        yield Step(
            f"take deployment {found.id} away, which waited",
            "its colour is needed" if needed else "only one waits at a time",
            partial(_end, found, f"deployment {deployment} took its place", moves, at),
        )


def moves_of(found: Deployment, at: Ports) -> list[Move]:
    """Raises BluegreenError where its colour isn't the idle one any more."""
    routes = acts.live(at)
    for part in found.parts:
        if routes.get(part.service) is part.colour:
            raise BluegreenError(
                f"deployment {found.id} waits on {part.service}-{part.colour}, which has the"
                " traffic already",
                hint="docker bluegreen status",
            )
    return [_move(part, routes.get(part.service), at) for part in found.parts]


def _move(part: Part, live: Colour | None, at: Ports) -> Move:
    exchanged = acts.is_exchanged(part.release, live, at)
    return Move(part.release, live, part.colour, exchanged=exchanged)


def forget_images(found: Deployment, needed: Sequence[Move], at: Ports) -> None:
    """Nobody goes back to what never served."""
    still = {move.release.image.id for move in needed}
    for part in found.parts:
        if part.release.image.id not in still:
            images.forget(found.project, part.release, at)


def _keep(moves: Sequence[Move], at: Ports) -> None:
    for move in moves:
        at.compose.tag(move.release.image.id, move.release.kept_tag)
        if built_here(move.release):
            images.point_at_what_serves(move.release, at)


def _end(found: Deployment, why: str, needed: Sequence[Move], at: Ports) -> str:
    """Written first: whoever is killed after it leaves a colour that the next one clears away."""
    moves = moves_of(found, at)
    waited = f"waited since {found.held_since:%Y-%m-%d %H:%M} UTC"
    at.history.to(found.id, State.INTERRUPTED, at.clock.now(), f"{waited}; {why}")
    said = [text for move in moves if (text := acts.clear(move, at))]
    forget_images(found, needed, at)
    return "; ".join([waited, *said])
