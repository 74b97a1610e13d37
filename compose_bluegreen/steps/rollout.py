"""One service's way from the live colour to the idle one, and the acts on that way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from compose_bluegreen.config.settings_reader import restored
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import NeedsPerson
from compose_bluegreen.domain.release import Release, stops_first
from compose_bluegreen.domain.topology import NOBODY
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.engine import Container
from compose_bluegreen.ports.workloads import ColourRelease
from compose_bluegreen.steps import drain as draining
from compose_bluegreen.steps import health
from compose_bluegreen.steps.batches import waves
from compose_bluegreen.steps.desired_topology import reached
from compose_bluegreen.steps.source import Terms

SETTLED = timedelta(seconds=2)
"""How long a worker without a HEALTHCHECK must run to be believed in."""


class Readiness(StrEnum):
    """What of the release is in the idle colour already."""

    NONE = "none"
    STOPPED = "stopped"
    WARM = "warm"


@dataclass(frozen=True, slots=True)
class Move:
    """One service's way from the live colour to the idle one.

    ``held_by`` are containers of the user's own project that serve until the switch, the first time.
    """

    release: Release
    live: Colour | None
    idle: Colour
    held_by: tuple[Container, ...] = ()
    ready: Readiness = Readiness.NONE
    exchanged: bool = False
    """Never two at once: the old one goes right before the new one starts."""

    @property
    def project(self) -> str:
        return str(self.release.model["name"])

    @property
    def service(self) -> str:
        return self.release.service

    @property
    def name(self) -> str:
        return f"{self.service}-{self.idle}"


def plan(releases: Sequence[Release], ctx: Context) -> list[Move]:
    """Which colour each release goes to, from where traffic goes now.

    What isn't live yet goes where the others go, so that a set that always moves as one has one
    colour.
    """
    routes = live(ctx)
    others = {routes[one.service].other for one in releases if one.service in routes}
    first = others.pop() if len(others) == 1 else Colour.BLUE
    moves = []
    for release in releases:
        colour = routes.get(release.service)
        users = ctx.compose_containers(release.service)
        held_by = () if colour else tuple(one for one in users if one.running)
        idle, exchanged = colour.other if colour else first, is_exchanged(release, colour, ctx)
        moves.append(Move(release, colour, idle, held_by, exchanged=exchanged))
    return moves


def is_exchanged(release: Release, live: Colour | None, ctx: Context) -> bool:
    """Not where what is live still has traffic: nobody takes that away before the switch."""
    if not stops_first(release):
        return False
    topology = ctx.proxy.topology()
    route = topology.route(release.service) if topology else None
    target = route.target(live) if route and live else None
    return target is None or target.mode == NOBODY


def live(ctx: Context) -> dict[str, Colour]:
    """The live colour of each service that anybody can reach."""
    return reached(ctx.proxy.routes(), ctx.proxy.topology())


def named(moves: Sequence[Move]) -> str:
    return " and ".join(move.name for move in moves)


def those(which: Sequence[tuple[Move, Colour]]) -> str:
    """Names of colours that needn't be the idle ones."""
    return " and ".join(f"{move.service}-{colour}" for move, colour in which)


def are(moves: Sequence[Move]) -> str:
    return "is" if len(moves) == 1 else "are"


def why(moves: Sequence[Move]) -> str:
    """From where they come, for the plan."""
    if len(moves) == 1:
        return f"{moves[0].live or 'nothing'} is live"
    return ", ".join(
        f"{move.service}-{move.live} is live" if move.live else f"{move.service} is new"
        for move in moves
    )


def containers(move: Move, colour: Colour, ctx: Context) -> list[Container]:
    """In any state."""
    return ctx.colour_containers(move.service, colour)


def start(moves: Sequence[Move], terms: Terms, deployment: int, ctx: Context) -> None:
    """Side by side, but for what must be healthy before another starts."""
    _wake([move for move in moves if move.ready is not Readiness.NONE], ctx)
    new = [move for move in moves if move.ready is Readiness.NONE]
    clear_all(new, ctx)
    proven: list[Move] = []
    for wave in waves([move.release for move in new]):
        if proven:
            all_healthy(proven, terms, ctx)
        ours = [move for move in new if move.release in wave]
        ctx.workloads.start_colours([_colour_release(move, deployment, ctx) for move in ours])
        for move in ours:
            ctx.proxy.watch(move.service, move.idle)
        proven = ours


def _wake(moves: Sequence[Move], ctx: Context) -> None:
    """They stand by. What HAProxy knows of them may be as old as its interval: they are down until
    checked anew."""
    names = [
        one.name
        for move in moves
        if move.ready is Readiness.STOPPED
        for one in containers(move, move.idle, ctx)
    ]
    if names:
        ctx.workloads.start(names)
    for move in moves:
        ctx.proxy.watch(move.service, move.idle)


def _colour_release(move: Move, deployment: int, ctx: Context) -> ColourRelease:
    seats = ctx.proxy.seats(move.service, move.idle)
    return ColourRelease(move.release, move.idle, deployment, seats)


def show(moves: Sequence[Move], ctx: Context) -> None:
    for move in moves:
        ctx.proxy.show(move.service, move.idle)


def clear(move: Move, ctx: Context) -> str:
    return clear_all([move], ctx)


def clear_all(moves: Sequence[Move], ctx: Context) -> str:
    """What was left over in the idle colour may still answer what it was asked when it was live."""
    which = [(move, move.idle) for move in moves]
    said = drain_all(which, ctx)
    remove_all(which, ctx)
    return said


def remove(move: Move, colour: Colour, ctx: Context) -> None:
    remove_all([(move, colour)], ctx)


def remove_idle(moves: Sequence[Move], ctx: Context) -> None:
    remove_all([(move, move.idle) for move in moves], ctx)


def remove_all(which: Sequence[tuple[Move, Colour]], ctx: Context) -> None:
    if found := _parked(which, ctx):
        ctx.workloads.remove(found)


def stop_all(which: Sequence[tuple[Move, Colour]], ctx: Context) -> None:
    if found := _parked(which, ctx):
        ctx.workloads.stop(found)


def _parked(which: Sequence[tuple[Move, Colour]], ctx: Context) -> list[str]:
    """Names of their containers; never of what is live: an undo may run when nobody knows any more
    what was done."""
    routes, shares = ctx.proxy.routes(), ctx.proxy.shares()
    for move, colour in which:
        if move.service in shares or routes.get(move.service) is colour:
            name = f"{move.service}-{colour}"
            raise NeedsPerson(f"{name} has traffic", hint="docker bluegreen status")
    found: list[str] = []
    for move, colour in which:
        ctx.proxy.park(move.service, colour)
        found += [one.name for one in containers(move, colour, ctx)]
    return found


def until_healthy(move: Move, terms: Terms, ctx: Context) -> str:
    return all_healthy([move], terms, ctx)


def still_healthy(moves: Sequence[Move], terms: Terms, ctx: Context) -> str:
    """What has been proven a moment ago."""
    return all_healthy(moves, terms, ctx, settle=timedelta(0))


def all_healthy(
    moves: Sequence[Move], terms: Terms, ctx: Context, settle: timedelta = SETTLED
) -> str:
    return health.until_all_healthy(
        [
            health.Awaited(
                move.service,
                move.idle,
                terms.timeout or restored(move.release.settings).deploy_timeout,
                settle,
            )
            for move in moves
        ],
        ctx,
    )


def switch_back(moves: Sequence[Move], ctx: Context) -> str:
    ctx.proxy.route_to({move.service: move.live for move in moves})
    return drain_all([(move, move.idle) for move in moves], ctx)


def drain(move: Move, colour: Colour, ctx: Context) -> str:
    return drain_all([(move, colour)], ctx)


def drain_all(which: Sequence[tuple[Move, Colour]], ctx: Context) -> str:
    """Side by side: each has its own ``drain_timeout`` from now on."""
    olds = [
        draining.Old(move.service, colour, restored(move.release.settings))
        for move, colour in which
    ]
    return draining.drain(olds, ctx)
