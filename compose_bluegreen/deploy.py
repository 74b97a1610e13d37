"""The page: how a release goes live, wherever it comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import chain

from compose_bluegreen import recovery, retention, waiting
from compose_bluegreen.domain import Colour, Deployment, Draft, Part, Release, State
from compose_bluegreen.errors import BluegreenError, HistoryUnusable, Interrupted, NeedsPerson
from compose_bluegreen.interrupts import shielded
from compose_bluegreen.models import base_labels, colour_labels, colour_model
from compose_bluegreen.ports import Container, Holder, Ports
from compose_bluegreen.routes import reached, with_release
from compose_bluegreen.routing import Change, Topology
from compose_bluegreen.saga import Saga, Step, Undo, told
from compose_bluegreen.settings import restored

TellPlan = Callable[[str, str], None]

_BEFORE_THE_LOCK = (Change.CREATE, Change.START)


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


@dataclass(frozen=True, slots=True)
class Terms:
    """How far this command may go. ``timeout`` None: each service's own ``deploy_timeout``.

    ``tell_plan`` makes it a dry run: it gets each step's name and cause, and nothing is touched.
    """

    timeout: timedelta | None = None
    recreate_proxy: bool = False
    take_over: bool = False
    tell_plan: TellPlan | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is to be made live.

    ``outlines`` are the releases as far as they are known before any image is, for what the proxy
    must know depends on none. ``preparation`` finds the images out; ``releases`` then says what
    has changed: nothing, if it is empty. ``topology`` turns what the proxy knows into what the
    project wants of it. ``ground`` makes what proxy and colours stand on, once nothing is refused.
    """

    draft: Draft
    outlines: Sequence[Release]
    preparation: Sequence[Step]
    releases: Callable[[], Sequence[Release]]
    topology: Callable[[Topology | None], Topology]
    terms: Terms
    ground: Callable[[], None] = lambda: None


def deploy(attempt: Attempt, at: Ports) -> Deployment | None:
    """Makes it live. None if nothing changed, or on a dry run.

    Whatever is raised, what served before still serves; only NeedsPerson says that it may not.
    """
    at.history.check_writable()
    moves = plan(attempt.outlines, at)
    wanted = _wanted(attempt, moves, at)
    change = _allowed(wanted, moves, attempt.terms, at)
    if attempt.terms.tell_plan:
        for step in _plan_steps(attempt, moves, wanted, change, at):
            attempt.terms.tell_plan(step.name, step.cause)
        return None
    attempt.ground()
    with _under_the_lock(wanted, change, _holder(attempt.draft), at):
        return _deploy(attempt, at)


def _deploy(attempt: Attempt, at: Ports) -> Deployment | None:
    recovery.settle(attempt.draft.engine, attempt.draft.project, at)
    with Saga(attempt.draft, at) as saga:
        for step in attempt.preparation:
            saga.run(step)
        releases = attempt.releases()
        if not releases:
            saga.discard()
            _tidy(attempt, at)
            return None
        moves = plan(releases, at)
        wanted = _wanted(attempt, moves, at)
        change = _allowed(wanted, moves, attempt.terms, at)
        saga.parts([Part(move.release, move.idle) for move in moves])
        for step in page(
            moves, wanted, change, _full(attempt, moves, at), saga.deployment, attempt.terms, at
        ):
            saga.run(step)
        saga.promote()
        try:
            for steps in aftermath(moves, at):
                all(saga.attempt(step) for step in steps)
            return _record(saga.deployment, at)
        except Interrupted as error:
            raise Interrupted(
                f"interrupted after the switch: deployment {saga.deployment} is live and stays",
                hint="docker bluegreen status shows what is left over; the next up removes it",
            ) from error


def _record(deployment: int, at: Ports) -> Deployment | None:
    try:
        return at.history.get(deployment)
    except HistoryUnusable as error:
        raise NeedsPerson(
            f"deployment {deployment} is live and stays, but history can't be read: {error.message}",
            hint=error.hint,
            detail=error.detail,
        ) from error


def page(  # noqa: PLR0913, PLR0917 - what it says is what it needs
    moves: Sequence[Move],
    wanted: Topology,
    change: Change,
    full: Topology,
    deployment: int,
    terms: Terms,
    at: Ports,
) -> Iterator[Step]:
    """What is done, in this order; each step with what takes it back.

    ``wanted`` is what the proxy must know before anything starts, ``full`` what it knows once it
    has taken over from containers of the user's own project.
    """
    switched = " and ".join(move.name for move in moves)
    holders = [one for move in moves for one in move.held_by]

    if change is not Change.NONE:
        yield _proxy_step(wanted, change, at)
    for move in moves:
        yield Step(
            f"start {move.name}",
            f"{move.live or 'nothing'} is live",
            partial(_start, move, deployment, at),
            Undo(f"remove {move.name}", partial(_remove, move, move.idle, at)),
            enters=State.STARTING if move is moves[0] else None,
        )
    for move in moves:
        yield Step(
            f"wait until {move.name} is healthy",
            "nothing unproven gets traffic",
            partial(_until_healthy, move, terms, at),
        )
    yield Step(
        f"switch to {switched}",
        "it is healthy",
        partial(at.proxy.route_to, {move.service: move.idle for move in moves}),
        Undo("switch back", partial(_switch_back, moves, at)),
        enters=State.SWITCHING,
    )
    if holders:
        yield Step(
            f"take over from {_names(holders)}",
            "it holds the ports and the name until now",
            partial(_take_over, holders, full, at),
            Undo(f"give back to {_names(holders)}", partial(_give_back, holders, wanted, at)),
        )
    for move in moves:
        yield Step(
            f"see {move.name} healthy under traffic",
            "the switch is done",
            partial(_until_healthy, move, terms, at),
        )


def aftermath(moves: Sequence[Move], at: Ports) -> Iterator[list[Step]]:
    """After the deployment stands: a failure is a warning, and only ends the list that it is in.

    What could not be drained is not removed.
    """
    for move in moves:
        if move.live:
            old = f"{move.service}-{move.live}"
            yield [
                Step(
                    f"drain {old}",
                    "no new request reaches it",
                    partial(_drain, move, move.live, at),
                ),
                Step(f"remove {old}", "it is drained", partial(_remove, move, move.live, at)),
            ]
        if move.held_by:
            names = [one.name for one in move.held_by]
            remove = partial(at.compose.remove, names)
            cause = "the proxy has its ports and its name"
            yield [Step(f"remove {_names(move.held_by)}", cause, remove)]
    for step in retention.steps(moves[0].project, [move.release for move in moves], at):
        yield [step]


def plan(releases: Sequence[Release], at: Ports) -> list[Move]:
    """Which colour each release goes to, from where traffic goes now."""
    serving_now = _live(at)
    moves = []
    for release in releases:
        live = serving_now.get(release.service)
        serving = at.engine.containers(base_labels(release.model["name"], release.service))
        held_by = () if live else tuple(one for one in serving if one.running)
        moves.append(Move(release, live, live.other if live else Colour.BLUE, held_by))
    return moves


def _live(at: Ports) -> dict[str, Colour]:
    return reached(at.proxy.routes(), at.proxy.topology())


# ── the acts ─────────────────────────────────────────────────────────────────────────────────


def _start(move: Move, deployment: int, at: Ports) -> None:
    _clear(move, at)
    seats = at.proxy.seats(move.service, move.idle)
    at.compose.start_colour(colour_model(move.release, move.idle, seats, deployment))
    at.proxy.watch(move.service, move.idle)


def _clear(move: Move, at: Ports) -> str:
    """What was left over in the idle colour may still answer what it was asked when it was live."""
    said = _drain(move, move.idle, at)
    _remove(move, move.idle, at)
    return said


def _remove(move: Move, colour: Colour, at: Ports) -> None:
    """Never what is live: an undo may run when nobody knows any more what was done."""
    if at.proxy.routes().get(move.service) is colour:
        raise BluegreenError(f"{move.service}-{colour} is live", hint="docker bluegreen status")
    at.proxy.park(move.service, colour)
    found = at.engine.containers(colour_labels(move.project, move.service, colour))
    if found:
        at.compose.remove([one.name for one in found])


def _until_healthy(move: Move, terms: Terms, at: Ports) -> str:
    timeout = terms.timeout or restored(move.release.settings).deploy_timeout
    return waiting.until_healthy(move.project, move.service, move.idle, timeout, at)


def _switch_back(moves: Sequence[Move], at: Ports) -> str:
    at.proxy.route_to({move.service: move.live for move in moves})
    return "; ".join(said for move in moves if (said := _drain(move, move.idle, at)))


def _drain(move: Move, colour: Colour, at: Ports) -> str:
    timeout = restored(move.release.settings).drain_timeout
    left = waiting.until_drained(move.service, colour, timeout, at)
    return f"{left} still in flight after {timeout.total_seconds():g} s were cut" if left else ""


def _take_over(holders: Sequence[Container], full: Topology, at: Ports) -> str:
    began = at.clock.monotonic()
    at.compose.stop([one.name for one in holders])
    at.proxy.apply(full, Change.RECREATE)
    return f"nobody answered for {at.clock.monotonic() - began:.1f} s"


def _give_back(holders: Sequence[Container], before: Topology, at: Ports) -> None:
    if at.proxy.change_to(before) is not Change.NONE:
        _recreate_proxy(before, at)
    at.compose.start([one.name for one in holders])


# ── the proxy ────────────────────────────────────────────────────────────────────────────────


def _full(attempt: Attempt, moves: Sequence[Move], at: Ports) -> Topology:
    topology = attempt.topology(at.proxy.topology())
    for move in moves:
        topology = with_release(topology, move.release, move.idle)
    return topology


def _wanted(attempt: Attempt, moves: Sequence[Move], at: Ports) -> Topology:
    """Without the ports and names that a container of the user's own project still has."""
    held = [move.service for move in moves if move.held_by]
    return _full(attempt, moves, at).without_fronts(held)


def _tidy(attempt: Attempt, at: Ports) -> None:
    """Nothing to release, but the proxy's own settings may have changed, or a colour been left."""
    wanted = _wanted(attempt, [], at)
    change = _allowed(wanted, [], attempt.terms, at)
    if change is not Change.NONE:
        told(_proxy_step(wanted, change, at), at)
    for move in plan(attempt.outlines, at):
        if at.engine.containers(colour_labels(move.project, move.service, move.idle)):
            told(Step(f"remove {move.name}", "it was left over", partial(_clear, move, at)), at)


def _allowed(wanted: Topology, moves: Sequence[Move], terms: Terms, at: Ports) -> Change:
    """What it takes; raises where that costs somebody's requests and nobody has agreed to it."""
    holders = [one for move in moves for one in move.held_by]
    if holders and not terms.take_over:
        raise BluegreenError(
            f"{_names(holders)} of your own project serves now, and Docker can't hand its ports over"
            " without a gap of a second or more",
            hint="run it again with --take-over when that suits you; everything is proven first",
        )
    change = at.proxy.change_to(wanted)
    agreed = terms.recreate_proxy or not _live(at)
    if (holders or change is Change.RECREATE) and not agreed:
        raise BluegreenError(
            "the proxy needs a new container, for Docker fixes ports, names and image when it makes"
            " one: a gap of a second or more",
            hint="run it again with --recreate-proxy when that suits you",
        )
    return change


@contextmanager
def _under_the_lock(wanted: Topology, change: Change, holder: Holder, at: Ports) -> Iterator[None]:
    """There must be a proxy before there can be a lock in it; one that serves nobody goes again."""
    try:
        if change in _BEFORE_THE_LOCK:
            told(_proxy_step(wanted, change, at), at)
        with at.lock.hold(holder):
            yield
    except NeedsPerson:
        raise
    except BaseException:
        if change is Change.CREATE:
            with shielded(at.observer.remark), suppress(BluegreenError):
                _remove_useless_proxy(holder, at)
        raise


def _remove_useless_proxy(holder: Holder, at: Ports) -> None:
    """Only under the lock: somebody else may be about to use it."""
    with at.lock.hold(holder):
        if not _live(at):
            at.proxy.remove()


def _proxy_step(wanted: Topology, change: Change, at: Ports) -> Step:
    name, cause = {
        Change.CREATE: ("create the proxy", "there is none yet"),
        Change.START: ("start the proxy", "it has stopped"),
        Change.RELOAD: ("reload the proxy", "ports, checks or replicas changed; nothing is lost"),
        Change.RECREATE: ("recreate the proxy", "its ports, names or image changed"),
    }[change]
    before = at.proxy.topology() if change is Change.RECREATE else None
    undo = Undo("put the proxy back", partial(_put_back, before, wanted, at)) if before else None
    return Step(name, cause, partial(at.proxy.apply, wanted, change), undo)


def _put_back(before: Topology, wanted: Topology, at: Ports) -> None:
    """Only if the new one doesn't run: one that does serves too, and costs no second gap."""
    if at.proxy.change_to(wanted) is not Change.NONE:
        _recreate_proxy(before, at)


def _recreate_proxy(wanted: Topology, at: Ports) -> None:
    gone = at.proxy.change_to(wanted) is Change.CREATE
    at.proxy.apply(wanted, Change.CREATE if gone else Change.RECREATE)


def _plan_steps(
    attempt: Attempt, moves: list[Move], wanted: Topology, change: Change, at: Ports
) -> list[Step]:
    first = [_proxy_step(wanted, change, at)] if change in _BEFORE_THE_LOCK else []
    later = Change.NONE if first else change
    return [
        *first,
        *attempt.preparation,
        *page(moves, wanted, later, _full(attempt, moves, at), 0, attempt.terms, at),
        *chain.from_iterable(aftermath(moves, at)),
    ]


def _holder(draft: Draft) -> Holder:
    return Holder(draft.actor, f"{draft.kind} {' '.join(draft.services)}", draft.started_at)


def _names(containers: Sequence[Container]) -> str:
    return " and ".join(one.name for one in containers)
