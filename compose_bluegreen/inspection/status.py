"""What is true now, and how it differs from what history and the compose file say. Looks only."""

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
from compose_bluegreen.inspection.proxy_drift import of_the_proxy
from compose_bluegreen.inspection.service_drift import of_service
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.lock import LockOwner
from compose_bluegreen.steps.desired_topology import reached
from compose_bluegreen.steps.standby import Standby

__all__ = ["ColourStatus", "Drift", "Previewed", "ServiceStatus", "Status", "status"]


@dataclass(frozen=True, slots=True)
class Previewed:
    """An idle colour that may be seen now: at ``address`` (``host:port`` on the engine's host), or
    by whoever has the key."""

    colour: Colour
    address: str | None
    by_key: bool


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """``record`` is the deployment that history has as live, ``rollback_to`` where one would go,
    ``standby`` says that the idle colour is there on purpose, ``rollback_unsafe`` why a rollback
    needs --force."""

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
    """A command that holds the lock; ``deployment`` None where it makes none, or none yet."""

    owner: LockOwner
    deployment: int | None
    step: StepRecord | None


@dataclass(frozen=True, slots=True)
class Status:
    """``waits`` is the deployment that is healthy and held back, until a person decides;
    ``proxy_image_built_at`` is None where there is no proxy, or its image was removed."""

    project: str
    proxy: str
    services: tuple[ServiceStatus, ...]
    drift: tuple[Drift, ...] = ()
    under_way: UnderWay | None = None
    waits: Deployment | None = None
    proxy_image_built_at: datetime | None = None

    @property
    def all_drift(self) -> tuple[Drift, ...]:
        """Of the project and of each service, in the order in which it is to be cured."""
        found = [*self.drift, *(drift for one in self.services for drift in one.drift)]
        return tuple(sorted(found, key=lambda one: one.kind.rank))

    @property
    def drifts(self) -> bool:
        return bool(self.all_drift)


def status(ctx: Context) -> Status:
    """Never fails for what it finds, only if engine or history can't be asked.

    While somebody deploys, both colours run, and history is behind the proxy: that is no drift.
    """
    under_way = _under_way(ctx)
    found = observe_project(ctx)
    if under_way is None:
        return found
    return replace(
        found,
        services=tuple(map(_while_deploying, found.services)),
        drift=tuple(one for one in found.drift if one.kind not in _PASSING),
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


def _while_deploying(one: ServiceStatus) -> ServiceStatus:
    return replace(one, drift=tuple(each for each in one.drift if each.kind not in _PASSING))


def observe_project(ctx: Context) -> Status:
    """As whoever holds the lock sees it."""
    topology = ctx.proxy.topology()
    proxy = ctx.engine.proxy_container(ctx.project)
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
    stopped = _stopped_ones(ctx)
    drift = [*stopped, *of_the_proxy(topology, proxy, observed_services, ctx)]
    if stopped:  # what it was at when it was killed is settled with it
        drift = [one for one in drift if one.kind not in _HALFWAY]
    word = "running" if runs else "stopped" if topology else "none"
    previews = _previews(topology, ctx) if runs else {}
    return Status(
        ctx.project,
        word,
        tuple(
            _service(one, previews.get(one.service), ctx.clock.now()) for one in observed_services
        ),
        tuple(drift),
        waits=waits,
        proxy_image_built_at=ctx.engine.built_at(proxy.image_id) if proxy else None,
    )


def _services(topology: Topology | None) -> list[str]:
    return sorted(route.service for route in topology.routes) if topology else []


def _previews(topology: Topology | None, ctx: Context) -> dict[str, Previewed]:
    found = {}
    for service, colour in ctx.proxy.shown().items():
        route = topology.route(service) if topology else None
        if route and (own := route.preview):
            address = f"{LOOPBACK}:{own.port.host_port}" if own.port else None
            found[service] = Previewed(colour, address, by_key=bool(own.key))
    return found


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
    """Whoever holds the lock lives; what was begun under a free one was killed."""
    owner = ctx.lock.owner()
    if owner is None:
        return None
    newest = next(iter(reversed(interrupted_deployments(ctx))), None)
    step = newest.steps[-1] if newest and newest.steps else None
    return UnderWay(owner, newest.id if newest else None, step)


def _stopped_ones(ctx: Context) -> list[Drift]:
    return [_stopped(one, ctx) for one in interrupted_deployments(ctx)]


def _stopped(deployment: Deployment, ctx: Context) -> Drift:
    kind = DriftKind.STUCK if deployment.state is State.STUCK else DriftKind.UNFINISHED
    what = f"deployment {deployment.id} {'is stuck' if kind is DriftKind.STUCK else 'stopped'}"
    try:
        found = inspect_interrupted(deployment, _AT_ONCE, ctx)
    except BluegreenError as error:
        return Drift(kind, f"{what} {stopped_at(deployment)}; {error.message}", Hint(Action.UP))
    why = f": {found.why}" if found.why else ""
    if found.reading is RecoveryAction.UNCLEAR:
        remedy = RESUME_OR_ABORT
    else:
        remedy = Hint(Action.UP, f" {_WHAT_UP_DOES[found.reading]}")
    return Drift(kind, f"{what} {stopped_at(deployment)}{why}; {found.serves}", remedy)


_AT_ONCE = timedelta(0)
_WHAT_UP_DOES = {
    RecoveryAction.UNTOUCHED: "clears it away",
    RecoveryAction.ARRIVED: "keeps it, for it is well",
    RecoveryAction.REVERTS: "goes back to what served before",
    RecoveryAction.GAP: "gives back what it took",
}
