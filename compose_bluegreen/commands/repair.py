"""``repair``: fixes drift that has exactly one fix, and reports the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from compose_bluegreen.config.settings import ServiceSettings
from compose_bluegreen.config.settings_reader import restored
from compose_bluegreen.deployment.recovery import settle
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.deployment import DeployedService
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
from compose_bluegreen.ports.engine import Container
from compose_bluegreen.ports.lock import LockOwner
from compose_bluegreen.ports.workloads import ColourRelease
from compose_bluegreen.steps import drain, health
from compose_bluegreen.steps.saga import Step, run_step
from compose_bluegreen.steps.source import TellPlan

_Live = TypeVar("_Live", DeployedService, ColourRelease)

_PASSES = 4
"""One fix may reveal more drift: a network must exist before its containers can be connected."""

_LOOKS_AGAIN = 10.0
"""Seconds that HAProxy gets to notice that it can reach a replica again."""


@dataclass(frozen=True, slots=True)
class Repair:
    """``remaining`` is drift that only a person can fix, or whose fix failed."""

    cured: tuple[Drift, ...]
    remaining: tuple[Drift, ...]


def repair(ctx: Context, tell_plan: TellPlan | None = None) -> Repair:
    """Raises LockHeld during a deployment. A fix that fails is a warning, and its drift is left."""
    observed = status(ctx)
    if tell_plan:
        steps = [_step(drift, ctx) for drift in observed.all_drift if drift.repairable]
        for step in steps:
            tell_plan(step.planned)
        return Repair((), observed.all_drift)
    seen = dict.fromkeys(observed.all_drift)
    _make_it_run(observed, ctx)
    if ctx.proxy.topology() is not None:
        owner = LockOwner(ctx.caller.actor, "repair", ctx.clock.now())
        with suppress(NeedsPerson), ctx.lock.hold(owner):
            settle(ctx)
            seen |= dict.fromkeys(_fix_all(observed, ctx))
    remaining = _remaining(ctx, patience=_LOOKS_AGAIN if seen else 0.0)
    return Repair(tuple(drift for drift in seen if drift not in remaining), remaining)


def _remaining(ctx: Context, *, patience: float) -> tuple[Drift, ...]:
    """HAProxy needs some checks until it sees that a repaired replica is healthy."""
    deadline = ctx.clock.monotonic() + patience
    while True:
        remaining = status(ctx).all_drift
        unhealthy = any(drift.kind is DriftKind.LIVE_UNHEALTHY for drift in remaining)
        if not unhealthy or ctx.clock.monotonic() >= deadline:
            return remaining
        ctx.clock.sleep(0.2)


def _make_it_run(observed: Status, ctx: Context) -> None:
    """Starts the proxy first, because the lock is in the proxy."""
    for drift in observed.all_drift:
        if drift.kind in (DriftKind.PROXY_GONE, DriftKind.PROXY_STOPPED):
            run_step(_proxy(drift, ctx), ctx)


def _fix_all(observed_before: Status, ctx: Context) -> Iterator[Drift]:
    """Yields each drift that it tries to fix, even if the fix fails."""
    tried: set[Drift] = set()
    # Taking the lock already writes the map's file from HAProxy's memory. It is reported as a fix too.
    settled = [drift for drift in observed_before.all_drift if drift.kind is DriftKind.MAP_DIFFERS]
    for _ in range(_PASSES):
        observed = observe_project(ctx)
        seen = (*settled, *observed.all_drift)
        new = [drift for drift in dict.fromkeys(seen) if drift.repairable and drift not in tried]
        if not new:
            return
        for drift in new:
            tried.add(drift)
            _fix(_step(drift, ctx), ctx)
            yield drift


def _fix(step: Step, ctx: Context) -> None:
    try:
        run_step(step, ctx)
    except (Interrupted, LockHeld, LockLost):
        raise
    except BluegreenError as error:
        ctx.observer.remark(f"warning: {step.name}: {error.message}")


# ── the fix of each kind of drift ────────────────────────────────────────────────────────────


def _step(drift: Drift, ctx: Context) -> Step:
    """Raises KeyError for drift that has no fix."""
    if drift.kind in _OF_THE_PROXY:
        return _proxy(drift, ctx)
    template, act = _FIXES[drift.kind]
    name = template.format(drift=drift, containers=" ".join(drift.containers))
    subject = [drift.service] if drift.service else []
    key = StepKey.of(StepKind.REPAIR, drift.kind, *subject)
    return Step(key, name, drift.problem, partial(act, _DriftContext(drift, ctx)))


@dataclass(frozen=True, slots=True)
class _DriftContext:
    drift: Drift
    ctx: Context

    @property
    def part(self) -> DeployedService:
        """The live release in history of the service that the drift is about."""
        return self._recorded(self.ctx.live_part(self.drift.service))

    @property
    def colour(self) -> ColourRelease:
        return self._recorded(self.ctx.live_colour(self.drift.service))

    @property
    def containers(self) -> list[Container]:
        """Those of the drift that are there."""
        ctx = self.ctx
        present = (
            *ctx.colour_containers(),
            *ctx.compose_containers(self.drift.service),
            *ctx.engine.hook_containers(ctx.project),
        )
        return [container for container in present if container.name in self.drift.containers]

    @property
    def settings(self) -> ServiceSettings:
        return restored(self.part.release.settings)

    def _recorded(self, live: _Live | None) -> _Live:
        if live is None:
            raise BluegreenError(
                f"history no longer records a live deployment of {self.drift.service}",
                hint=Hint(Action.STATUS),
            )
        return live

    def until_healthy(self, colour: Colour) -> str:
        """Waits one check interval first, because the last result of HAProxy may be as old as that."""
        self.ctx.clock.sleep(self.settings.health.interval.total_seconds())
        timeout = self.settings.deploy_timeout
        return health.until_healthy(self.drift.service, colour, timeout, self.ctx)


_OF_THE_PROXY = (
    DriftKind.PROXY_GONE,
    DriftKind.PROXY_STOPPED,
    DriftKind.PROXY_SUBSTITUTED,
    DriftKind.NETWORK_GONE,
)


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
        DriftKind.PROXY_SUBSTITUTED: ("hand_over", Change.HAND_OVER),
    }[drift.kind]
    key, act = StepKey(StepKind.PROXY, verb), partial(_apply, topology, change, ctx)
    name = "hand over to a new HAProxy" if change is Change.HAND_OVER else f"{verb} the proxy"
    return Step(key, name, drift.problem, act)


def _apply(topology: Topology, change: Change, ctx: Context) -> None:
    """Reports no downtime, because the proxy did not answer before."""
    ctx.proxy.apply(topology, change)


def _join(target: _DriftContext) -> None:
    target.ctx.proxy.join(target.drift.network)


def _write_map(target: _DriftContext) -> None:
    """Writes the file from the memory of HAProxy, which decides where requests go."""
    proxy = target.ctx.proxy
    proxy.route_to(proxy.routes())


def _start(target: _DriftContext) -> str:
    target.ctx.workloads.start(target.containers)
    return target.until_healthy(target.part.colour)


def _create_again(target: _DriftContext) -> str:
    part, ctx = target.part, target.ctx
    image = part.release.image
    if ctx.engine.image(image.id) is None and image.repo_digest:
        ctx.workloads.pull(image.repo_digest)
    ctx.workloads.start_replicas(target.colour, target.drift.containers)
    return target.until_healthy(part.colour)


def _connect(target: _DriftContext) -> str:
    network, workloads = target.drift.network, target.ctx.workloads
    for container in target.containers:
        place = workloads.placements(target.colour)[container.name][network]
        workloads.connect(container, network, place)
    return target.until_healthy(target.part.colour)


def _route(target: _DriftContext) -> str:
    """Routes only to a healthy colour, as any deployment does."""
    part, ctx = target.part, target.ctx
    ctx.proxy.watch(part.service, part.colour)
    remark = target.until_healthy(part.colour)
    ctx.proxy.route_to({part.service: part.colour})
    return remark


def _remove_idle(target: _DriftContext) -> str:
    part, ctx = target.part, target.ctx
    if part.service in ctx.proxy.canary_weights():
        raise BluegreenError(f"{part.service}-{part.colour.other} receives canary requests")
    if ctx.proxy.routes().get(part.service) is not part.colour:
        raise BluegreenError(f"{part.service}-{part.colour} is no longer live")
    idle = part.colour.other
    remark = drain.drain([drain.Old(part.service, idle, target.settings)], ctx)
    ctx.proxy.park(part.service, idle)
    ctx.workloads.remove(target.containers)
    return remark


def _remove(target: _DriftContext) -> None:
    target.ctx.workloads.remove(target.containers)


def _tag(target: _DriftContext) -> None:
    target.ctx.workloads.tag(target.drift.image_id, target.drift.tag)


_FIXES: dict[DriftKind, tuple[str, Callable[[_DriftContext], object]]] = {
    DriftKind.PROXY_DISCONNECTED: ("connect {containers} to {drift.network}", _join),
    DriftKind.MAP_DIFFERS: ("write the routing map again", _write_map),
    DriftKind.LIVE_STOPPED: ("start {containers}", _start),
    DriftKind.LIVE_GONE: ("create {containers} again", _create_again),
    DriftKind.LIVE_DISCONNECTED: ("connect {containers} to {drift.network}", _connect),
    DriftKind.NOT_ROUTED: ("route {drift.service} to {drift.colour}", _route),
    DriftKind.ROUTED_TO_NOTHING: ("route {drift.service} to {drift.colour}", _route),
    DriftKind.LEFTOVER: ("remove {containers}", _remove_idle),
    DriftKind.STRAY: ("remove {containers}", _remove),
    DriftKind.IMAGE_UNNAMED: ("tag the image as {drift.tag}", _tag),
}
