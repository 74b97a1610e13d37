"""One service's way from the live colour to the idle one, and the acts on that way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from compose_bluegreen import waiting
from compose_bluegreen.attempt import Terms
from compose_bluegreen.domain import Colour, Release
from compose_bluegreen.errors import NeedsPerson
from compose_bluegreen.models import base_labels, colour_labels, colour_model
from compose_bluegreen.ports import Container, Ports
from compose_bluegreen.routes import reached
from compose_bluegreen.settings import restored


@dataclass(frozen=True, slots=True)
class Move:
    """One service's way from the live colour to the idle one.

    ``held_by`` are containers of the user's own project that serve until the switch, the first time.
    """

    release: Release
    live: Colour | None
    idle: Colour
    held_by: tuple[Container, ...] = ()

    @property
    def project(self) -> str:
        return str(self.release.model["name"])

    @property
    def service(self) -> str:
        return self.release.service

    @property
    def name(self) -> str:
        return f"{self.service}-{self.idle}"


def plan(releases: Sequence[Release], at: Ports) -> list[Move]:
    """Which colour each release goes to, from where traffic goes now."""
    routes = live(at)
    moves = []
    for release in releases:
        colour = routes.get(release.service)
        users = at.engine.containers(base_labels(release.model["name"], release.service))
        held_by = () if colour else tuple(one for one in users if one.running)
        moves.append(Move(release, colour, colour.other if colour else Colour.BLUE, held_by))
    return moves


def live(at: Ports) -> dict[str, Colour]:
    """The live colour of each service that anybody can reach."""
    return reached(at.proxy.routes(), at.proxy.topology())


def start(move: Move, deployment: int, at: Ports) -> None:
    clear(move, at)
    seats = at.proxy.seats(move.service, move.idle)
    at.compose.start_colour(colour_model(move.release, move.idle, seats, deployment))
    at.proxy.watch(move.service, move.idle)


def clear(move: Move, at: Ports) -> str:
    """What was left over in the idle colour may still answer what it was asked when it was live."""
    said = drain(move, move.idle, at)
    remove(move, move.idle, at)
    return said


def remove(move: Move, colour: Colour, at: Ports) -> None:
    """Never what is live: an undo may run when nobody knows any more what was done."""
    if at.proxy.routes().get(move.service) is colour:
        raise NeedsPerson(f"{move.service}-{colour} is live", hint="docker bluegreen status")
    at.proxy.park(move.service, colour)
    found = at.engine.containers(colour_labels(move.project, move.service, colour))
    if found:
        at.compose.remove([one.name for one in found])


def until_healthy(move: Move, terms: Terms, at: Ports) -> str:
    timeout = terms.timeout or restored(move.release.settings).deploy_timeout
    return waiting.until_healthy(move.project, move.service, move.idle, timeout, at)


def switch_back(moves: Sequence[Move], at: Ports) -> str:
    at.proxy.route_to({move.service: move.live for move in moves})
    return "; ".join(said for move in moves if (said := drain(move, move.idle, at)))


def drain(move: Move, colour: Colour, at: Ports) -> str:
    timeout = restored(move.release.settings).drain_timeout
    left = waiting.until_drained(move.service, colour, timeout, at)
    return f"{left} still in flight after {timeout.total_seconds():g} s were cut" if left else ""
