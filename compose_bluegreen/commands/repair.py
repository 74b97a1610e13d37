"""``repair``: what has exactly one cure is cured, the rest is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from compose_bluegreen.config.settings import ServiceSettings
from compose_bluegreen.config.settings_reader import restored
from compose_bluegreen.deployment.recovery import settle
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.deployment import DeployedService, Deployment
from compose_bluegreen.domain.errors import (
    BluegreenError,
    Interrupted,
    LockHeld,
    LockLost,
    NeedsPerson,
)
from compose_bluegreen.domain.hints import Action, Command, Flag, Hint
from compose_bluegreen.domain.step_keys import StepKey, StepKind
from compose_bluegreen.domain.topology import Change, Topology
from compose_bluegreen.inspection.drift import Drift, DriftKind
from compose_bluegreen.inspection.status import Status, observe_project, status
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.lock import LockOwner
from compose_bluegreen.ports.workloads import ColourRelease
from compose_bluegreen.steps import drain, health
from compose_bluegreen.steps.saga import Step, run_step
from compose_bluegreen.steps.source import TellPlan

_PASSES = 4
"""One cure may show what it hid: a network comes back before the containers on it do."""

_LOOKS_AGAIN = 10.0
"""Seconds in which HAProxy finds out that what it couldn't reach is back."""


@dataclass(frozen=True, slots=True)
class Repair:
    """``left`` is what only a person can cure, or what a cure failed to."""

    cured: tuple[Drift, ...]
    left: tuple[Drift, ...]


def repair(ctx: Context, tell_plan: TellPlan | None = None) -> Repair:
    """Raises LockHeld during a deployment. A cure that fails is a warning, and is left."""
    found = status(ctx)
    if tell_plan:
        steps = [_step(one, ctx) for one in found.all_drift if one.repairable]
        for step in steps:
            tell_plan(step.planned)
        return Repair((), found.all_drift)
    seen = dict.fromkeys(found.all_drift)
    _make_it_run(found, ctx)
    if ctx.proxy.topology() is not None:
        owner = LockOwner(ctx.caller.actor, "repair", ctx.clock.now())
        with suppress(NeedsPerson), ctx.lock.hold(owner):
            settle(ctx)
            seen |= dict.fromkeys(_cure_all(found, ctx))
    left = _left(ctx, patience=_LOOKS_AGAIN if seen else 0.0)
    return Repair(tuple(one for one in seen if one not in left), left)


def _left(ctx: Context, *, patience: float) -> tuple[Drift, ...]:
    """HAProxy needs some checks until it sees what a cure has brought back within its reach."""
    deadline = ctx.clock.monotonic() + patience
    while True:
        left = status(ctx).all_drift
        sick = any(one.kind is DriftKind.LIVE_UNHEALTHY for one in left)
        if not sick or ctx.clock.monotonic() >= deadline:
            return left
        ctx.clock.sleep(0.2)


def _make_it_run(found: Status, ctx: Context) -> None:
    """The lock is in the proxy, so a proxy that doesn't run is cured before there is one."""
    for drift in found.all_drift:
        if drift.kind in (DriftKind.PROXY_GONE, DriftKind.PROXY_STOPPED):
            run_step(_proxy(drift, ctx), ctx)


def _cure_all(first: Status, ctx: Context) -> Iterator[Drift]:
    """What it tries, whether that helps or not."""
    tried: set[Drift] = set()
    # Whoever takes the lock lets the map's file follow memory: it is told as a cure all the same.
    settled = [one for one in first.all_drift if one.kind is DriftKind.MAP_DIFFERS]
    for _ in range(_PASSES):
        found = observe_project(ctx)
        seen = (*settled, *found.all_drift)
        new = [one for one in dict.fromkeys(seen) if one.repairable and one not in tried]
        if not new:
            return
        for drift in new:
            tried.add(drift)
            _cure(_step(drift, ctx), ctx)
            yield drift


def _cure(step: Step, ctx: Context) -> None:
    try:
        run_step(step, ctx)
    except (Interrupted, LockHeld, LockLost):
        raise
    except BluegreenError as error:
        ctx.observer.remark(f"warning: {step.name}: {error.message}")


# ── the one cure of each ─────────────────────────────────────────────────────────────────────


def _step(drift: Drift, ctx: Context) -> Step:
    """Raises KeyError for what has no cure of its own."""
    if drift.kind in (DriftKind.PROXY_GONE, DriftKind.PROXY_STOPPED, DriftKind.NETWORK_GONE):
        return _proxy(drift, ctx)
    name, act = _CURES[drift.kind]
    what = name.format(drift=drift, containers=" ".join(drift.containers))
    subject = [drift.service] if drift.service else []
    key = StepKey.of(StepKind.REPAIR, drift.kind, *subject)
    return Step(key, what, drift.problem, partial(act, _Patient(drift, ctx)))


@dataclass(frozen=True, slots=True)
class _Patient:
    drift: Drift
    ctx: Context

    @property
    def live(self) -> tuple[Deployment, DeployedService]:
        """What history has as live of the service that the drift is about."""
        found = self.ctx.live_deployment(self.drift.service)
        part = found.part(self.drift.service) if found else None
        if found is None or part is None:
            raise BluegreenError(
                f"history no longer has {self.drift.service} as live",
                hint=Hint(Action.STATUS),
            )
        return found, part

    @property
    def part(self) -> DeployedService:
        return self.live[1]

    @property
    def colour(self) -> ColourRelease:
        """The live colour, as the record has it."""
        record, part = self.live
        colour_addresses = self.ctx.proxy.colour_addresses(part.service, part.colour)
        return ColourRelease(part.release, part.colour, record.id, colour_addresses)

    @property
    def settings(self) -> ServiceSettings:
        return restored(self.part.release.settings)

    def until_healthy(self, colour: Colour) -> str:
        """What HAProxy believes of a colour that it watches may be as old as its check interval."""
        self.ctx.clock.sleep(self.settings.health.interval.total_seconds())
        timeout = self.settings.deploy_timeout
        return health.until_healthy(self.drift.service, colour, timeout, self.ctx)


def _proxy(drift: Drift, ctx: Context) -> Step:
    topology = ctx.proxy.topology()
    if topology is None:
        raise BluegreenError(
            "the proxy is gone", hint=Hint(Command(Action.UP, flags=(Flag.FORCE,)))
        )
    lacks = ctx.engine.missing_networks(set(ctx.proxy.networks()) - topology.networks.keys())
    verb, change = {
        DriftKind.PROXY_GONE: ("create", Change.CREATE),
        DriftKind.PROXY_STOPPED: ("recreate", Change.RECREATE)
        if lacks
        else ("start", Change.START),
        DriftKind.NETWORK_GONE: ("recreate", Change.RECREATE),
    }[drift.kind]
    key, act = StepKey(StepKind.PROXY, verb), partial(_apply, topology, change, ctx)
    return Step(key, f"{verb} the proxy", drift.problem, act)


def _apply(topology: Topology, change: Change, ctx: Context) -> None:
    """Nobody was served as it was, so there is no gap to be told."""
    ctx.proxy.apply(topology, change)


def _join(patient: _Patient) -> None:
    patient.ctx.proxy.join(patient.drift.network)


def _write_map(patient: _Patient) -> None:
    """What the proxy has in memory is where traffic goes: the file follows."""
    proxy = patient.ctx.proxy
    proxy.route_to(proxy.routes())


def _start(patient: _Patient) -> str:
    patient.ctx.workloads.start(patient.drift.containers)
    return patient.until_healthy(patient.part.colour)


def _start_anew(patient: _Patient) -> str:
    part, ctx = patient.part, patient.ctx
    image = part.release.image
    if ctx.engine.image(image.id) is None and image.repo_digest:
        ctx.workloads.pull(image.repo_digest)
    ctx.workloads.start_replicas(patient.colour, patient.drift.containers)
    return patient.until_healthy(part.colour)


def _connect(patient: _Patient) -> str:
    network, workloads = patient.drift.network, patient.ctx.workloads
    for name in patient.drift.containers:
        workloads.connect(name, network, workloads.placements(patient.colour)[name][network])
    return patient.until_healthy(patient.part.colour)


def _route(patient: _Patient) -> str:
    """Only to what is proven, like any deployment."""
    part, ctx = patient.part, patient.ctx
    ctx.proxy.watch(part.service, part.colour)
    said = patient.until_healthy(part.colour)
    ctx.proxy.route_to({part.service: part.colour})
    return said


def _remove_idle(patient: _Patient) -> str:
    part, ctx = patient.part, patient.ctx
    if part.service in ctx.proxy.canary_weights():
        raise BluegreenError(f"{part.service}-{part.colour.other} has a part of the traffic")
    if ctx.proxy.routes().get(part.service) is not part.colour:
        raise BluegreenError(f"{part.service}-{part.colour} isn't live any more")
    idle = part.colour.other
    said = drain.drain([drain.Old(part.service, idle, patient.settings)], ctx)
    ctx.proxy.park(part.service, idle)
    ctx.workloads.remove(patient.drift.containers)
    return said


def _remove(patient: _Patient) -> None:
    patient.ctx.workloads.remove(patient.drift.containers)


def _tag(patient: _Patient) -> None:
    patient.ctx.workloads.tag(patient.drift.image_id, patient.drift.tag)


_CURES: dict[DriftKind, tuple[str, Callable[[_Patient], object]]] = {
    DriftKind.PROXY_DISCONNECTED: ("connect {containers} to {drift.network}", _join),
    DriftKind.MAP_DIFFERS: ("write the routing map anew", _write_map),
    DriftKind.LIVE_STOPPED: ("start {containers}", _start),
    DriftKind.LIVE_GONE: ("make {containers} anew", _start_anew),
    DriftKind.LIVE_DISCONNECTED: ("connect {containers} to {drift.network}", _connect),
    DriftKind.NOT_ROUTED: ("route {drift.service} to {drift.colour}", _route),
    DriftKind.ROUTED_TO_NOTHING: ("route {drift.service} to {drift.colour}", _route),
    DriftKind.LEFTOVER: ("remove {containers}", _remove_idle),
    DriftKind.STRAY: ("remove {containers}", _remove),
    DriftKind.IMAGE_UNNAMED: ("name the image {drift.tag}", _tag),
}
