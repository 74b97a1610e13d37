"""The status of a project: what runs now, and its drift. Changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from compose_bluegreen.deployment import pending
from compose_bluegreen.deployment.interrupted import (
    RecoveryAction,
    inspect_interrupted,
    interrupted_deployments,
    stopped_at,
)
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.deployment import Deployment, StepRecord
from compose_bluegreen.domain.errors import BluegreenError
from compose_bluegreen.domain.hints import RESUME_OR_ABORT, Action, Hint
from compose_bluegreen.domain.states import State
from compose_bluegreen.domain.topology import LOOPBACK, Topology
from compose_bluegreen.inspection.drift import Drift, DriftKind
from compose_bluegreen.inspection.observe import (
    ColourStatus,
    ImageLocation,
    ObservedService,
    observe_service,
)
from compose_bluegreen.inspection.open_ranges import open_ranges
from compose_bluegreen.inspection.proxy_drift import of_the_proxy
from compose_bluegreen.inspection.service_drift import of_service
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.lock import LockOwner
from compose_bluegreen.ports.proxy import ServingHaproxy
from compose_bluegreen.steps.desired_topology import reached
from compose_bluegreen.steps.standby import Standby

__all__ = ["ColourStatus", "Drift", "Previewed", "ServiceStatus", "Status", "status"]


@dataclass(frozen=True, slots=True)
class Previewed:
    """An idle colour that preview users can reach now: at ``address`` (``host:port`` on the engine's
    host), or with the key."""

    colour: Colour
    address: str | None
    by_key: bool


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """The status of one service.

    ``record`` is the live deployment in history, ``rollback_to`` what a rollback would
    restore. With ``standby``, the idle colour is kept on purpose. ``rollback_unsafe`` says why a
    rollback needs --force.
    """

    service: str
    live: ColourStatus | None
    idle: ColourStatus | None
    record: Deployment | None
    rollback_to: Deployment | None
    drift: tuple[Drift, ...]
    rollback_image: ImageLocation | None = None
    standby: Standby | None = None
    rollback_unsafe: str = ""
    preview: Previewed | None = None


@dataclass(frozen=True, slots=True)
class UnderWay:
    """The command that holds the lock; ``deployment`` is None if it has started none."""

    owner: LockOwner
    deployment: int | None
    step: StepRecord | None


@dataclass(frozen=True, slots=True)
class Status:
    """``waits`` is the deployment that waits for promotion. ``haproxy`` is None if there is no proxy,
    ``proxy_image_built_at`` also if its image was removed."""

    project: str
    proxy: str
    services: tuple[ServiceStatus, ...]
    drift: tuple[Drift, ...] = ()
    under_way: UnderWay | None = None
    waits: Deployment | None = None
    haproxy: ServingHaproxy | None = None
    proxy_image_built_at: datetime | None = None

    @property
    def all_drift(self) -> tuple[Drift, ...]:
        """The drift of the project and of each service, in the order in which to fix it."""
        drift = [*self.drift, *(drift for service in self.services for drift in service.drift)]
        return tuple(sorted(drift, key=lambda difference: difference.kind.rank))

    @property
    def drifts(self) -> bool:
        return bool(self.all_drift)


def status(ctx: Context) -> Status:
    """Observes the project. No drift makes it fail, only an engine or a history that can't be read.

    During a deployment both colours run and history is behind the proxy: that is no drift.
    """
    under_way = _under_way(ctx)
    observed = observe_project(ctx)
    if under_way is None:
        return observed
    return replace(
        observed,
        services=tuple(map(_while_deploying, observed.services)),
        drift=tuple(drift for drift in observed.drift if drift.kind not in _PASSING),
        under_way=under_way,
    )


_HALFWAY = {DriftKind.PROXY_DISCONNECTED, DriftKind.MAP_DIFFERS}
_PASSING = {
    DriftKind.UNFINISHED,
    DriftKind.STUCK,
    DriftKind.WAITING_UNWELL,
    DriftKind.LEFTOVER,
    DriftKind.HISTORY_DIFFERS,
    DriftKind.ROUTED_ELSEWHERE,
}


def _while_deploying(service: ServiceStatus) -> ServiceStatus:
    drift = tuple(drift for drift in service.drift if drift.kind not in _PASSING)
    return replace(service, drift=drift)


def observe_project(ctx: Context) -> Status:
    """The status without regard to a running deployment, as its own command needs it."""
    topology = ctx.proxy.topology()
    proxy = ctx.engine.proxy_container(ctx.project)
    haproxy = ctx.proxy.serving_haproxy()
    runs = proxy is not None and proxy.running
    routes = reached(ctx.proxy.routes(), topology)
    waits, canary_weights = (
        pending.pending_deployment(ctx),
        ctx.proxy.canary_weights() if runs else {},
    )
    observed_services = [
        replace(
            observe_service(name, routes.get(name), ctx, proxy_runs=runs),
            canary_weight=canary_weights.get(name),
            waits=waits if waits and waits.part(name) else None,
        )
        for name in _services(topology)
    ]
    interrupted = _interrupted(ctx)
    drift = [*interrupted, *of_the_proxy(topology, proxy, haproxy, observed_services, ctx)]
    drift += open_ranges(topology, ctx)
    if interrupted:  # the recovery of the deployment also fixes these
        drift = [difference for difference in drift if difference.kind not in _HALFWAY]
    proxy_state = "running" if runs else "stopped" if topology else "none"
    previews = _previews(topology, ctx) if runs else {}
    return Status(
        ctx.project,
        proxy_state,
        tuple(
            _service(observed, previews.get(observed.service), ctx.clock.now())
            for observed in observed_services
        ),
        tuple(drift),
        waits=waits,
        haproxy=haproxy,
        proxy_image_built_at=ctx.engine.built_at(haproxy.image_id) if haproxy else None,
    )


def _services(topology: Topology | None) -> list[str]:
    return sorted(route.service for route in topology.routes) if topology else []


def _previews(topology: Topology | None, ctx: Context) -> dict[str, Previewed]:
    previews = {}
    for service, colour in ctx.proxy.shown().items():
        route = topology.route(service) if topology else None
        if route and (preview := route.preview):
            address = f"{LOOPBACK}:{preview.port.host_port}" if preview.port else None
            previews[service] = Previewed(colour, address, by_key=bool(preview.key))
    return previews


def _service(observed: ObservedService, preview: Previewed | None, now: datetime) -> ServiceStatus:
    return ServiceStatus(
        observed.service,
        observed.live,
        observed.idle,
        observed.record,
        observed.rollback_option.target.restores if observed.rollback_option else None,
        tuple(of_service(observed, now)),
        observed.rollback_option.image if observed.rollback_option else None,
        observed.standby,
        "; ".join(map(str, observed.rollback_option.irreversible_changes))
        if observed.rollback_option
        else "",
        preview,
    )


def _under_way(ctx: Context) -> UnderWay | None:
    """The running command. A free lock means that an interrupted deployment's command was killed."""
    owner = ctx.lock.owner()
    if owner is None:
        return None
    newest = next(iter(reversed(interrupted_deployments(ctx))), None)
    step = newest.steps[-1] if newest and newest.steps else None
    return UnderWay(owner, newest.id if newest else None, step)


def _interrupted(ctx: Context) -> list[Drift]:
    return [_interruption(deployment, ctx) for deployment in interrupted_deployments(ctx)]


def _interruption(deployment: Deployment, ctx: Context) -> Drift:
    kind = DriftKind.STUCK if deployment.state is State.STUCK else DriftKind.UNFINISHED
    subject = f"deployment {deployment.id} {'is stuck' if kind is DriftKind.STUCK else 'stopped'}"
    try:
        inspected = inspect_interrupted(deployment, _AT_ONCE, ctx)
    except BluegreenError as error:
        return Drift(kind, f"{subject} {stopped_at(deployment)}; {error.message}", Hint(Action.UP))
    why = f": {inspected.why}" if inspected.why else ""
    if inspected.reading is RecoveryAction.UNCLEAR:
        remedy = RESUME_OR_ABORT
    else:
        remedy = Hint(Action.UP, f" {_WHAT_UP_DOES[inspected.reading]}")
    return Drift(kind, f"{subject} {stopped_at(deployment)}{why}; {inspected.serves}", remedy)


_AT_ONCE = timedelta(0)
_WHAT_UP_DOES = {
    RecoveryAction.UNTOUCHED: "discards it",
    RecoveryAction.ARRIVED: "keeps it, because it is healthy",
    RecoveryAction.REVERTS: "goes back to the previous version",
    RecoveryAction.GAP: "returns the ports and names to the previous containers",
}
