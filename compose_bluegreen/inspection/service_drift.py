"""Drift of one service: its routes, containers and images. Works on values alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from compose_bluegreen.domain.hints import Action, Command, Flag, Hint
from compose_bluegreen.domain.names import replica_name
from compose_bluegreen.inspection.drift import REPAIR, Drift, DriftKind
from compose_bluegreen.inspection.observe import (
    ColourStatus,
    ImageLocation,
    ObservedService,
    RollbackOption,
)
from compose_bluegreen.ports.engine import Container

_FORCE = Hint(Command(Action.UP, flags=(Flag.FORCE,)))


def of_service(observed: ObservedService, now: datetime) -> Iterator[Drift]:
    yield from _routing(observed)
    yield from _containers(observed)
    yield from _unexpected_containers(observed)
    yield from _waiting(observed)
    yield from _leftover(observed, now)
    yield from _compose_containers(observed)
    yield from _images(observed)


# ── where traffic goes ───────────────────────────────────────────────────────────────────────


def _routing(observed: ObservedService) -> Iterator[Drift]:
    part, record = observed.part, observed.record
    if part is None or record is None:
        if observed.live:
            problem = f"{_name(observed, observed.live)} is live, but history has no live deployment of it"
            yield Drift(DriftKind.HISTORY_DIFFERS, problem, _FORCE, observed.service)
        return
    recorded = observed.colours[part.colour]
    history = f"in history, deployment {record.id} on {part.colour} is live"
    runs = recorded.runs and recorded.deployment == record.id
    remedy = REPAIR if runs else _FORCE
    drift = partial(
        Drift, remedy=remedy, service=observed.service, repairable=runs, colour=part.colour
    )
    if observed.live is None:
        problem = f"{history}, but the proxy routes {observed.service} to no colour"
        yield drift(DriftKind.NOT_ROUTED, problem)
    elif observed.agrees:
        yield from _labels(observed, observed.live)
    elif _is_empty(observed, observed.live):
        problem = f"{history}, but the proxy routes {observed.service} to {observed.routed}, which has no containers"
        yield drift(DriftKind.ROUTED_TO_NOTHING, problem)
    elif recorded.containers:
        problem = f"{history}, but the proxy routes {observed.service} to {observed.routed}; both colours have containers"
        yield Drift(DriftKind.ROUTED_ELSEWHERE, problem, _FORCE, observed.service)
    else:
        yield _other_deployment(observed, observed.live)


def _other_deployment(observed: ObservedService, live: ColourStatus) -> Drift:
    known = f"deployment {observed.record.id}" if observed.record else "no deployment"
    problem = f"{_name(observed, live)} runs deployment {live.deployment}, but in history, {known} is live"
    return Drift(DriftKind.HISTORY_DIFFERS, problem, _FORCE, observed.service)


def _labels(observed: ObservedService, live: ColourStatus) -> Iterator[Drift]:
    """Labels of a container never change, so a user or another program created these containers."""
    part, record = observed.part, observed.record
    if part is None or record is None or not live.containers:
        return
    if live.deployment not in (None, record.id):
        yield _other_deployment(observed, live)
        return
    deployments = {record.id} if live.brought_back_by is None else None
    mislabelled = [
        container.name
        for container in live.containers
        if container.fingerprint != part.release.fingerprint
        or (deployments is not None and container.deployment not in deployments)
    ]
    if mislabelled:
        problem = (
            f"these containers don't have the labels of deployment {record.id}:"
            f" {_all(mislabelled)}; a user or another program created them"
        )
        yield Drift(DriftKind.LABELS_DIFFER, problem, _FORCE, observed.service)


# ── the containers of the live colour ─────────────────────────────────────────────────────────


def _containers(observed: ObservedService) -> Iterator[Drift]:
    live = observed.live
    if live is None or (not observed.agrees and _is_empty(observed, live)):
        return
    drift = [*_stopped(observed, live), *_removed(observed, live), *_disconnected(observed, live)]
    yield from drift
    unhealthy = [server for server in live.servers if not server.up]
    if unhealthy and not drift:
        checks = ", ".join(server.check for server in unhealthy)
        problem = f"HAProxy reports {_name(observed, live)} as unhealthy: {checks}"
        remedy = Hint(
            Command(Action.LOGS, (observed.service,)), ", then ", Action.ROLLBACK, " or ", Action.UP
        )
        yield Drift(DriftKind.LIVE_UNHEALTHY, problem, remedy, observed.service)


def _stopped(observed: ObservedService, live: ColourStatus) -> Iterator[Drift]:
    name = _name(observed, live)
    if paused := [container.name for container in live.containers if container.status == "paused"]:
        problem = f"containers of the live colour {name} are paused: {_all(paused)}"
        yield Drift(
            DriftKind.LIVE_PAUSED,
            problem,
            Hint(f"docker unpause {' '.join(paused)}"),
            observed.service,
        )
    stopped = [
        container.name
        for container in live.containers
        if not container.running and container.name not in paused
    ]
    if stopped:
        problem = f"containers of the live colour {name} aren't running: {_all(stopped)}"
        yield _repairable(DriftKind.LIVE_STOPPED, problem, observed, stopped)


def _removed(observed: ObservedService, live: ColourStatus) -> Iterator[Drift]:
    known = {container.name for container in (*live.containers, *observed.unlabelled)}
    removed = tuple(name for name in _replicas(observed, live) if name not in known)
    if not removed or _occupied(observed, live):
        return
    kept = next(
        (
            image
            for image in observed.images
            if observed.record and image.deployment == observed.record.id
        ),
        None,
    )
    available = kept is not None and (kept.location is not ImageLocation.GONE)
    same = live.deployment in (None, observed.record.id if observed.record else None)
    problem = f"containers of the live colour {_name(observed, live)} were removed: {_all(removed)}"
    if observed.agrees and available and same:
        yield _repairable(DriftKind.LIVE_GONE, problem, observed, removed)
    else:
        yield Drift(DriftKind.LIVE_GONE, problem, _FORCE, observed.service, containers=removed)


def _disconnected(observed: ObservedService, live: ColourStatus) -> Iterator[Drift]:
    if not observed.agrees:
        return
    for container in live.containers:
        for network, place in observed.places.get(container.name, {}).items():
            address = container.addresses.get(network)
            if address is None or (place.address and address and address != place.address):
                problem = f"{container.name} of the live colour is not attached to the network {network} as it should be"
                drift = _repairable(
                    DriftKind.LIVE_DISCONNECTED, problem, observed, [container.name]
                )
                yield replace(drift, network=network)


# ── containers that should not be there ──────────────────────────────────────────────────────


def _unexpected_containers(observed: ObservedService) -> Iterator[Drift]:
    for colour, colour_addresses in observed.colour_addresses.items():
        status = observed.colours[colour]
        for container in observed.unlabelled:
            if container.addresses.get(colour_addresses.network) not in colour_addresses.addresses:
                continue
            name, live = _name(observed, status), colour is observed.routed
            problem = f"{container.name} has the address of {name}, but not its labels"
            remove = f"docker rm -f {container.name}"
            remedy = Hint(*_FORCE.parts, f", then {remove}") if live else Hint(remove)
            yield _of_container(DriftKind.UNLABELLED, problem, remedy, observed, container)
        for container in status.containers:
            if (
                observed.colour_addresses
                and container.name not in _replicas(observed, status)
                and _is_extra(observed, status)
            ):
                problem = f"{container.name} has the labels of {_name(observed, status)}, but is not one of its replicas"
                remedy = Hint(f"docker rm -f {container.name}")
                yield _of_container(DriftKind.IMPOSTOR, problem, remedy, observed, container)


def _is_extra(observed: ObservedService, status: ColourStatus) -> bool:
    """An older release can have had more replicas. Its leftovers are not unexpected replicas."""
    return status.colour is observed.routed or any(
        container.name in _replicas(observed, status) for container in status.containers
    )


def _waiting(observed: ObservedService) -> Iterator[Drift]:
    """The deployment that waits for promotion must still be healthy, because a user can promote it now."""
    if observed.waiting is None or observed.waits is None:
        return
    name, reason = _name(observed, observed.waiting), ""
    if not observed.waiting.runs:
        reason = f"{name} isn't running"
    elif observed.waiting.deployment != observed.waits.id:
        reason = f"{name} runs another deployment"
    elif unhealthy := [server for server in observed.waiting.servers if not server.up]:
        checks = ", ".join(server.check or server.status for server in unhealthy)
        reason = f"HAProxy reports {name} as unhealthy: {checks}"
    if reason:
        problem = f"deployment {observed.waits.id} waits for promotion, but {reason}"
        remedy = Hint(Action.ABORT, ", then ", Command(Action.UP, flags=(Flag.NO_SWITCH,)))
        yield Drift(DriftKind.WAITING_UNWELL, problem, remedy, observed.service)


def _is_intended(observed: ObservedService, now: datetime) -> bool:
    """Whether the idle colour waits for promotion or is on standby."""
    if observed.idle is observed.waiting:
        return True
    return observed.standby is not None and observed.agrees and not observed.standby.is_over(now)


def _leftover(observed: ObservedService, now: datetime) -> Iterator[Drift]:
    """If proxy and history differ, the colour without traffic can be the correct one: no leftover then."""
    idle = observed.idle
    if idle is None or (observed.part and not observed.agrees) or _is_intended(observed, now):
        return
    name, containers = _name(observed, idle), [container.name for container in idle.containers]
    if observed.live is None:
        problem = f"{name} runs, but no colour is live"
    elif observed.canary_weight:
        problem = f"{name} still receives {observed.canary_weight} of the requests, but no canary is running"
    elif observed.standby:
        problem = f"{name} still runs, but its standby time is over"
    else:
        problem = f"{name} still runs beside the live colour, without traffic"
    if observed.live and observed.agrees and not observed.canary_weight:
        yield _repairable(DriftKind.LEFTOVER, problem, observed, containers)
    else:
        yield replace(
            _repairable(DriftKind.LEFTOVER, problem, observed, containers),
            remedy=Hint(Action.UP),
            repairable=False,
        )


def _compose_containers(observed: ObservedService) -> Iterator[Drift]:
    if observed.live is None:
        return  # before the first release, the containers of docker compose receive the requests
    for container in observed.compose_containers:
        effect = (
            "also receives requests to the service's name"
            if container.running
            else "would start with the Docker daemon"
        )
        problem = f"docker compose created {container.name}, which {effect}"
        yield _repairable(DriftKind.STRAY, problem, observed, [container.name])


# ── images ───────────────────────────────────────────────────────────────────────────────────


def _images(observed: ObservedService) -> Iterator[Drift]:
    for kept in observed.images:
        if kept.location is ImageLocation.ENGINE and not kept.tagged:
            image, name = kept.release.image, kept.release.kept_tag
            problem = (
                f"image {image.short_id} of deployment {kept.deployment} has lost its tag {name}:"
                " docker image prune would remove it"
            )
            drift = _repairable(DriftKind.IMAGE_UNNAMED, problem, observed)
            yield replace(drift, image_id=image.id, tag=name)
    option = observed.rollback_option
    if option and option.keeps_image and option.image is ImageLocation.GONE:
        yield _rollback_gone(observed, option)


def _rollback_gone(observed: ObservedService, option: RollbackOption) -> Drift:
    """A command such as ``docker system prune -a`` removed a kept image."""
    image = option.target.release.image
    problem = (
        f"a rollback of {observed.service} would go to deployment {option.target.restores.id}, but its"
        f" image {image.short_id} ({image.reference}) is gone, and no registry has it"
    )
    remedy = Hint("no other release is left to roll back to; each ", Action.UP, " keeps its image")
    if option.instead:
        remedy = Hint(Command(Action.ROLLBACK, (observed.service,), option.instead))
    return Drift(DriftKind.ROLLBACK_GONE, problem, remedy, observed.service)


def _repairable(
    kind: DriftKind, problem: str, observed: ObservedService, containers: Sequence[str] = ()
) -> Drift:
    return Drift(
        kind, problem, REPAIR, observed.service, repairable=True, containers=tuple(containers)
    )


def _of_container(
    kind: DriftKind, problem: str, remedy: Hint, observed: ObservedService, container: Container
) -> Drift:
    return Drift(kind, problem, remedy, observed.service, containers=(container.name,))


# ── names ────────────────────────────────────────────────────────────────────────────────────


def _name(observed: ObservedService, status: ColourStatus) -> str:
    return f"{observed.service}-{status.colour}"


def _replicas(observed: ObservedService, status: ColourStatus) -> list[str]:
    """Names of the containers that this colour should have."""
    colour_addresses = observed.colour_addresses.get(status.colour)
    count = len(colour_addresses.addresses) if colour_addresses else 0
    return [
        replica_name(observed.project, observed.service, status.colour, n + 1) for n in range(count)
    ]


def _is_empty(observed: ObservedService, status: ColourStatus) -> bool:
    return not status.containers and not _occupied(observed, status)


def _occupied(observed: ObservedService, status: ColourStatus) -> bool:
    """Whether a container without our labels has the address of one of its replicas."""
    colour_addresses = observed.colour_addresses.get(status.colour)
    return colour_addresses is not None and any(
        container.addresses.get(colour_addresses.network) in colour_addresses.addresses
        for container in observed.unlabelled
    )


def _all(names: Iterable[str]) -> str:
    return ", ".join(names)
