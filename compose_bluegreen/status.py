"""What is true now, and how it differs from what history and the compose file say. Looks only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from compose_bluegreen import rollback
from compose_bluegreen.domain import Colour, Deployment, Image, State
from compose_bluegreen.errors import BluegreenError
from compose_bluegreen.models import LABEL, base_labels, colour_labels
from compose_bluegreen.ports import Container, Holder, Ports, ServerHealth
from compose_bluegreen.rollback import Target
from compose_bluegreen.routes import reached
from compose_bluegreen.unfinished import Reading, read, stopped_at, unfinished


@dataclass(frozen=True, slots=True)
class Drift:
    """Something is not as we left it: ``kind`` for programs, ``cause`` and ``cure`` for people."""

    kind: str
    cause: str
    cure: str


class Whereabouts(StrEnum):
    """Of an image: the engine has it, a registry had it by its digest, or it is nowhere."""

    ENGINE = "engine"
    REGISTRY = "registry"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class ColourStatus:
    """One colour: its containers as Docker sees them, its replicas as HAProxy does."""

    colour: Colour
    containers: tuple[Container, ...]
    servers: tuple[ServerHealth, ...]
    in_flight: int

    @property
    def deployment(self) -> int | None:
        ids = {one.labels.get(f"{LABEL}.deployment") for one in self.containers}
        return int(found) if len(ids) == 1 and (found := ids.pop()) else None

    @property
    def image_id(self) -> str | None:
        ids = {one.image_id for one in self.containers}
        return ids.pop() if len(ids) == 1 else None

    @property
    def since(self) -> datetime | None:
        return min((one.started_at for one in self.containers if one.started_at), default=None)


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """``record`` is the deployment that history has as live, ``rollback_to`` where one would go."""

    service: str
    live: ColourStatus | None
    idle: ColourStatus | None
    record: Deployment | None
    rollback_to: Deployment | None
    drift: tuple[Drift, ...]
    rollback_image: Whereabouts | None = None


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A command that holds the lock; ``deployment`` None where it makes none, or none yet."""

    holder: Holder
    deployment: int | None
    step: str


@dataclass(frozen=True, slots=True)
class Status:
    project: str
    proxy: str
    services: tuple[ServiceStatus, ...]
    drift: tuple[Drift, ...] = ()
    under_way: UnderWay | None = None

    @property
    def drifts(self) -> bool:
        return bool(self.drift) or any(one.drift for one in self.services)


def status(project: str, engine: str, at: Ports) -> Status:
    """Never fails for what it finds, only if engine or history can't be asked."""
    topology = at.proxy.topology()
    routes = reached(at.proxy.routes(), topology)
    names = (
        sorted({*routes, *(route.service for route in topology.routes)})
        if topology
        else sorted(routes)
    )
    running = any(one.running for one in at.engine.containers(_proxy_labels(project)))
    proxy = "running" if running else "stopped" if topology else "none"
    under_way = _under_way(project, engine, at)
    drift = [] if under_way else _unfinished(project, engine, at)
    if topology and not running:
        drift.append(
            Drift(
                "proxy_stopped", "the proxy isn't running: nobody is served", "docker bluegreen up"
            )
        )
    services = tuple(
        _service(project, engine, name, routes.get(name), running, at) for name in names
    )
    if topology is None:
        drift += _proxy_gone(project, at)
    if under_way:
        services = tuple(map(_without_what_is_under_way, services))
    return Status(project, proxy, services, tuple(drift), under_way)


def _without_what_is_under_way(one: ServiceStatus) -> ServiceStatus:
    """Until it ends, both colours run, and history is behind the proxy."""
    kept = tuple(each for each in one.drift if each.kind not in {"leftover", "history_differs"})
    return replace(one, drift=kept)


def _service(
    project: str,
    engine: str,
    service: str,
    live: Colour | None,
    running: bool,
    at: Ports,
) -> ServiceStatus:
    seen = {colour: _colour(project, service, colour, running, at) for colour in Colour}
    record = at.history.live(engine, project, service)
    serving = seen[live] if live else None
    idle = (
        seen[live.other] if live else next((one for one in seen.values() if one.containers), None)
    )
    idle = idle if idle and idle.containers else None
    drift = [*_live_drift(service, serving, record, running), *_leftovers(idle)]
    if live:  # before that, what docker compose made is what serves
        drift += _strays(project, service, at)
    target = _target(engine, project, service, at)
    image = whereabouts(target.release.image, at) if target else None
    if target and image is Whereabouts.GONE:
        drift.append(_lost(target, service, engine, project, at))
    back = target.restores if target else None
    return ServiceStatus(service, serving, idle, record, back, tuple(drift), image)


def _colour(project: str, service: str, colour: Colour, running: bool, at: Ports) -> ColourStatus:
    containers = tuple(at.engine.containers(colour_labels(project, service, colour)))
    try:
        servers = tuple(at.proxy.health(service, colour)) if running else ()
        flying = at.proxy.in_flight(service, colour) if running else 0
    except BluegreenError:
        return ColourStatus(colour, containers, (), 0)
    return ColourStatus(colour, containers, servers, flying)


def _live_drift(
    service: str,
    live: ColourStatus | None,
    record: Deployment | None,
    running: bool,
) -> list[Drift]:
    if live is None:
        if record is None:
            return []
        cause = f"history has deployment {record.id} as live, the proxy routes {service} nowhere"
        return [Drift("not_routed", cause, "docker bluegreen up --force")]
    name, found = f"{service}-{live.colour}", []
    stopped = [one.name for one in live.containers if not one.running]
    if not live.containers or stopped:
        cause = f"{', '.join(stopped) or name} of the live colour isn't running"
        cure = f"docker start {' '.join(stopped)}" if stopped else "docker bluegreen up --force"
        found.append(Drift("live_stopped", cause, cure))
    elif running and not all(one.up for one in live.servers):
        cause = f"HAProxy finds {name} unhealthy: {', '.join(one.check for one in live.servers if not one.up)}"
        found.append(
            Drift("live_unhealthy", cause, f"docker bluegreen logs {service}, then rollback or up")
        )
    if record is None or live.deployment not in (None, record.id):
        cause = f"{name} runs deployment {live.deployment}, history has {record.id if record else 'none'} as live"
        found.append(
            Drift("history_differs", cause, "docker bluegreen up --force writes a new record")
        )
    return found


def _leftovers(idle: ColourStatus | None) -> list[Drift]:
    if idle is None:
        return []
    names = ", ".join(one.name for one in idle.containers)
    cause = f"{names} runs beside the live colour, without traffic"
    return [Drift("leftover", cause, "docker bluegreen up")]


def _strays(project: str, service: str, at: Ports) -> list[Drift]:
    found = []
    for stray in at.engine.containers(base_labels(project, service)):
        what = (
            "answers to its name beside the proxy"
            if stray.running
            else "would start with the daemon"
        )
        cause = f"{stray.name} was made by docker compose and {what}"
        found.append(Drift("stray", cause, f"docker rm -f {stray.name}"))
    return found


def _proxy_gone(project: str, at: Ports) -> list[Drift]:
    left = [one.name for one in at.engine.containers(colour_labels(project))]
    if not left:
        return []
    cause = (
        f"the proxy is gone, and {', '.join(left)} is left: a down was killed, or somebody did it"
    )
    cure = "docker bluegreen up serves again, docker bluegreen down removes the rest"
    return [Drift("proxy_gone", cause, cure)]


def _under_way(project: str, engine: str, at: Ports) -> UnderWay | None:
    """Whoever holds the lock lives; what was begun under a free one was killed."""
    holder = at.lock.holder()
    if holder is None:
        return None
    newest = next(iter(reversed(unfinished(engine, project, at))), None)
    step = newest.steps[-1].name if newest and newest.steps else ""
    return UnderWay(holder, newest.id if newest else None, step)


def _unfinished(project: str, engine: str, at: Ports) -> list[Drift]:
    return [_stopped(one, at) for one in unfinished(engine, project, at)]


def _stopped(deployment: Deployment, at: Ports) -> Drift:
    kind = "stuck" if deployment.state is State.STUCK else "unfinished"
    what = f"deployment {deployment.id} {'is stuck' if kind == 'stuck' else 'stopped'}"
    try:
        found = read(deployment, _AT_ONCE, at)
    except BluegreenError as error:
        return Drift(
            kind, f"{what} {stopped_at(deployment)}; {error.message}", "docker bluegreen up"
        )
    why = f": {found.why}" if found.why else ""
    if found.reading is Reading.UNCLEAR:
        cure = "docker bluegreen resume finishes it, docker bluegreen abort takes it away"
    else:
        cure = f"docker bluegreen up {_WHAT_UP_DOES[found.reading]}"
    return Drift(kind, f"{what} {stopped_at(deployment)}{why}; {found.serves}", cure)


_AT_ONCE = timedelta(0)
_WHAT_UP_DOES = {
    Reading.UNTOUCHED: "clears it away",
    Reading.ARRIVED: "keeps it, for it is well",
    Reading.REVERTS: "goes back to what served before",
    Reading.GAP: "gives back what it took",
}


def whereabouts(image: Image, at: Ports) -> Whereabouts:
    if at.engine.image(image.id):
        return Whereabouts.ENGINE
    return Whereabouts.REGISTRY if image.repo_digest else Whereabouts.GONE


def _target(engine: str, project: str, service: str, at: Ports) -> Target | None:
    try:
        return rollback.previous(engine, project, service, at)
    except BluegreenError:
        return None


def _lost(target: Target, service: str, engine: str, project: str, at: Ports) -> Drift:
    """Somebody removed an image that a tag of ours kept, as ``docker system prune -a`` does."""
    image = target.release.image
    cause = (
        f"a rollback of {service} would go to deployment {target.restores.id}, whose image"
        f" {image.short_id} ({image.reference}) is gone, and no registry has it"
    )
    for other in at.history.proven(engine, project, service):
        part = other.part(service)
        if part is None or part.live or part.release.fingerprint == target.release.fingerprint:
            continue
        if whereabouts(part.release.image, at) is not Whereabouts.GONE:
            return Drift(
                "rollback_gone", cause, f"docker bluegreen rollback {service} --to {other.id}"
            )
    return Drift("rollback_gone", cause, "none is left; each docker bluegreen up keeps its image")


def _proxy_labels(project: str) -> dict[str, str]:
    return {f"{LABEL}.project": project, f"{LABEL}.role": "proxy"}
