"""``repair``: what has exactly one cure is cured, the rest is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from compose_bluegreen.config.settings import ServiceSettings
from compose_bluegreen.config.settings_reader import restored
from compose_bluegreen.deployment.recovery import settle
from compose_bluegreen.domain.caller import Caller
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.deployment import Deployment, Part
from compose_bluegreen.domain.errors import (
    BluegreenError,
    Interrupted,
    LockHeld,
    LockLost,
    NeedsPerson,
)
from compose_bluegreen.domain.release import Model
from compose_bluegreen.domain.topology import Change, Topology
from compose_bluegreen.inspection.drift import Drift, DriftKind
from compose_bluegreen.inspection.status import Status, status, survey
from compose_bluegreen.ports.context import Ports
from compose_bluegreen.ports.lock import Holder
from compose_bluegreen.steps import drain, health
from compose_bluegreen.steps.saga import Step, told
from compose_bluegreen.steps.source import TellPlan
from compose_bluegreen.steps.specs import colour_model, only, places

_PASSES = 4
"""One cure may show what it hid: a network comes back before the containers on it do."""

_LOOKS_AGAIN = 10.0
"""Seconds in which HAProxy finds out that what it couldn't reach is back."""


@dataclass(frozen=True, slots=True)
class Repair:
    """``left`` is what only a person can cure, or what a cure failed to."""

    cured: tuple[Drift, ...]
    left: tuple[Drift, ...]


def repair(project: str, caller: Caller, at: Ports, tell_plan: TellPlan | None = None) -> Repair:
    """Raises LockHeld during a deployment. A cure that fails is a warning, and is left."""
    found = status(project, caller.engine, at)
    if tell_plan:
        steps = [_step(one, found, caller, at) for one in found.all_drift if one.repairable]
        for step in steps:
            tell_plan(step.name, step.cause)
        return Repair((), found.all_drift)
    seen = dict.fromkeys(found.all_drift)
    _make_it_run(found, at)
    if at.proxy.topology() is not None:
        holder = Holder(caller.actor, "repair", at.clock.now())
        with suppress(NeedsPerson), at.lock.hold(holder):
            settle(caller.engine, project, at)
            seen |= dict.fromkeys(_cure_all(found, caller, at))
    left = _left(project, caller, at, patience=_LOOKS_AGAIN if seen else 0.0)
    return Repair(tuple(one for one in seen if one not in left), left)


def _left(project: str, caller: Caller, at: Ports, *, patience: float) -> tuple[Drift, ...]:
    """HAProxy needs some checks until it sees what a cure has brought back within its reach."""
    deadline = at.clock.monotonic() + patience
    while True:
        left = status(project, caller.engine, at).all_drift
        sick = any(one.kind is DriftKind.LIVE_UNHEALTHY for one in left)
        if not sick or at.clock.monotonic() >= deadline:
            return left
        at.clock.sleep(0.2)


def _make_it_run(found: Status, at: Ports) -> None:
    """The lock is in the proxy, so a proxy that doesn't run is cured before there is one."""
    for drift in found.all_drift:
        if drift.kind in (DriftKind.PROXY_GONE, DriftKind.PROXY_STOPPED):
            told(Step(*_proxy(drift, at)), at)


def _cure_all(first: Status, caller: Caller, at: Ports) -> Iterator[Drift]:
    """What it tries, whether that helps or not."""
    tried: set[Drift] = set()
    # Whoever takes the lock lets the map's file follow memory: it is told as a cure all the same.
    settled = [one for one in first.all_drift if one.kind is DriftKind.MAP_DIFFERS]
    for _ in range(_PASSES):
        found = survey(first.project, caller.engine, at)
        seen = (*settled, *found.all_drift)
        new = [one for one in dict.fromkeys(seen) if one.repairable and one not in tried]
        if not new:
            return
        for drift in new:
            tried.add(drift)
            _cure(_step(drift, found, caller, at), at)
            yield drift


def _cure(step: Step, at: Ports) -> None:
    try:
        told(step, at)
    except (Interrupted, LockHeld, LockLost):
        raise
    except BluegreenError as error:
        at.observer.remark(f"warning: {step.name}: {error.message}")


# ── the one cure of each ─────────────────────────────────────────────────────────────────────


def _step(drift: Drift, found: Status, caller: Caller, at: Ports) -> Step:
    """Raises KeyError for what has no cure of its own."""
    if drift.kind in (DriftKind.PROXY_GONE, DriftKind.PROXY_STOPPED, DriftKind.NETWORK_GONE):
        return Step(*_proxy(drift, at))
    name, act = _CURES[drift.kind]
    what = name.format(*drift.names, names=" ".join(drift.names), service=drift.service)
    return Step(what, drift.cause, partial(act, _Patient(found.project, caller, drift, at)))


@dataclass(frozen=True, slots=True)
class _Patient:
    project: str
    caller: Caller
    drift: Drift
    at: Ports

    @property
    def live(self) -> tuple[Deployment, Part]:
        """What history has as live of the service that the drift is about."""
        found = self.at.history.live(self.caller.engine, self.project, self.drift.service)
        part = found.part(self.drift.service) if found else None
        if found is None or part is None:
            raise BluegreenError(
                f"history no longer has {self.drift.service} as live",
                hint="docker bluegreen status",
            )
        return found, part

    @property
    def part(self) -> Part:
        return self.live[1]

    @property
    def model(self) -> Model:
        """Of the live colour, as the record has it."""
        record, part = self.live
        seats = self.at.proxy.seats(part.service, part.colour)
        return colour_model(part.release, part.colour, seats, record.id)

    @property
    def settings(self) -> ServiceSettings:
        return restored(self.part.release.settings)

    def until_healthy(self, colour: Colour) -> str:
        """What HAProxy believes of a colour that it watches may be as old as its check interval."""
        self.at.clock.sleep(self.settings.health.interval.total_seconds())
        timeout = self.settings.deploy_timeout
        return health.until_healthy(self.project, self.drift.service, colour, timeout, self.at)


def _proxy(drift: Drift, at: Ports) -> tuple[str, str, Callable[[], None]]:
    topology = at.proxy.topology()
    if topology is None:
        raise BluegreenError("the proxy is gone", hint="docker bluegreen up --force")
    lacks = at.engine.missing_networks(set(at.proxy.networks()) - topology.networks.keys())
    verb, change = {
        DriftKind.PROXY_GONE: ("create", Change.CREATE),
        DriftKind.PROXY_STOPPED: ("recreate", Change.RECREATE)
        if lacks
        else ("start", Change.START),
        DriftKind.NETWORK_GONE: ("recreate", Change.RECREATE),
    }[drift.kind]
    return f"{verb} the proxy", drift.cause, partial(_apply, topology, change, at)


def _apply(topology: Topology, change: Change, at: Ports) -> None:
    """Nobody was served as it was, so there is no gap to be told."""
    at.proxy.apply(topology, change)


def _join(patient: _Patient) -> None:
    _, network = patient.drift.names
    patient.at.proxy.join(network)


def _write_map(patient: _Patient) -> None:
    """What the proxy has in memory is where traffic goes: the file follows."""
    proxy = patient.at.proxy
    proxy.route_to(proxy.routes())


def _start(patient: _Patient) -> str:
    patient.at.compose.start(patient.drift.names)
    return patient.until_healthy(patient.part.colour)


def _start_anew(patient: _Patient) -> str:
    part, at = patient.part, patient.at
    image = part.release.image
    if at.engine.image(image.id) is None and image.repo_digest:
        at.compose.pull(image.repo_digest)
    at.compose.start_colour(only(patient.model, patient.drift.names))
    return patient.until_healthy(part.colour)


def _connect(patient: _Patient) -> str:
    name, network = patient.drift.names
    patient.at.compose.connect(name, network, places(patient.model)[name][network])
    return patient.until_healthy(patient.part.colour)


def _route(patient: _Patient) -> str:
    """Only to what is proven, like any deployment."""
    part, at = patient.part, patient.at
    at.proxy.watch(part.service, part.colour)
    said = patient.until_healthy(part.colour)
    at.proxy.route_to({part.service: part.colour})
    return said


def _remove_idle(patient: _Patient) -> str:
    part, at = patient.part, patient.at
    if part.service in at.proxy.shares():
        raise BluegreenError(f"{part.service}-{part.colour.other} has a part of the traffic")
    if at.proxy.routes().get(part.service) is not part.colour:
        raise BluegreenError(f"{part.service}-{part.colour} isn't live any more")
    idle = part.colour.other
    said = drain.drain([drain.Old(part.service, idle, patient.settings)], at)
    at.proxy.park(part.service, idle)
    at.compose.remove(patient.drift.names)
    return said


def _remove(patient: _Patient) -> None:
    patient.at.compose.remove(patient.drift.names)


def _tag(patient: _Patient) -> None:
    image_id, tag = patient.drift.names
    patient.at.compose.tag(image_id, tag)


_CURES: dict[DriftKind, tuple[str, Callable[[_Patient], object]]] = {
    DriftKind.PROXY_DISCONNECTED: ("connect {0} to {1}", _join),
    DriftKind.MAP_DIFFERS: ("write the routing map anew", _write_map),
    DriftKind.LIVE_STOPPED: ("start {names}", _start),
    DriftKind.LIVE_GONE: ("make {names} anew", _start_anew),
    DriftKind.LIVE_DISCONNECTED: ("connect {0} to {1}", _connect),
    DriftKind.NOT_ROUTED: ("route {service} to {0}", _route),
    DriftKind.ROUTED_TO_NOTHING: ("route {service} to {0}", _route),
    DriftKind.LEFTOVER: ("remove {names}", _remove_idle),
    DriftKind.STRAY: ("remove {names}", _remove),
    DriftKind.IMAGE_UNNAMED: ("name the image {1}", _tag),
}
