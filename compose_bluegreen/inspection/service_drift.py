"""How what there is of a service differs from what should be. Pure."""

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
    yield from _strangers(observed)
    yield from _waiting(observed)
    yield from _leftover(observed, now)
    yield from _strays(observed)
    yield from _images(observed)


# ── where traffic goes ───────────────────────────────────────────────────────────────────────


def _routing(observed: ObservedService) -> Iterator[Drift]:
    part, record = observed.part, observed.record
    if part is None or record is None:
        if observed.live:
            problem = f"{_name(observed, observed.live)} is live, and history knows nothing of it"
            yield Drift(DriftKind.HISTORY_DIFFERS, problem, _FORCE, observed.service)
        return
    told = observed.colours[part.colour]
    meant = f"history has deployment {record.id} on {part.colour} as live"
    runs = told.runs and told.deployment == record.id
    remedy = REPAIR if runs else _FORCE
    fit = partial(
        Drift, remedy=remedy, service=observed.service, repairable=runs, colour=part.colour
    )
    if observed.live is None:
        problem = f"{meant}, the proxy routes {observed.service} nowhere"
        yield fit(DriftKind.NOT_ROUTED, problem)
    elif observed.agrees:
        yield from _labels(observed, observed.live)
    elif _is_empty(observed, observed.live):
        problem = (
            f"{meant}, the proxy routes {observed.service} to {observed.routed}, where nothing runs"
        )
        yield fit(DriftKind.ROUTED_TO_NOTHING, problem)
    elif told.containers:
        problem = f"{meant}, the proxy routes {observed.service} to {observed.routed}; both colours are there"
        yield Drift(DriftKind.ROUTED_ELSEWHERE, problem, _FORCE, observed.service)
    else:
        yield _other_deployment(observed, observed.live)


def _other_deployment(observed: ObservedService, live: ColourStatus) -> Drift:
    known = observed.record.id if observed.record else "none"
    problem = (
        f"{_name(observed, live)} runs deployment {live.deployment}, history has {known} as live"
    )
    return Drift(DriftKind.HISTORY_DIFFERS, problem, _FORCE, observed.service)


def _labels(observed: ObservedService, live: ColourStatus) -> Iterator[Drift]:
    """Of a running container they can't change: somebody made it anew, with others."""
    part, record = observed.part, observed.record
    if part is None or record is None or not live.containers:
        return
    if live.deployment not in (None, record.id):
        yield _other_deployment(observed, live)
        return
    deployments = {record.id} if live.brought_back_by is None else None
    wrong = [
        one.name
        for one in live.containers
        if one.fingerprint != part.release.fingerprint
        or (deployments is not None and one.deployment not in deployments)
    ]
    if wrong:
        problem = f"{_all(wrong)} doesn't bear the labels of deployment {record.id}: made by somebody else"
        yield Drift(DriftKind.LABELS_DIFFER, problem, _FORCE, observed.service)


# ── the containers that should serve ─────────────────────────────────────────────────────────


def _containers(observed: ObservedService) -> Iterator[Drift]:
    live = observed.live
    if live is None or (not observed.agrees and _is_empty(observed, live)):
        return
    found = [*_stopped(observed, live), *_gone(observed, live), *_disconnected(observed, live)]
    yield from found
    sick = [one for one in live.servers if not one.up]
    if sick and not found:
        said = ", ".join(one.check for one in sick)
        problem = f"HAProxy finds {_name(observed, live)} unhealthy: {said}"
        remedy = Hint(
            Command(Action.LOGS, (observed.service,)), ", then ", Action.ROLLBACK, " or ", Action.UP
        )
        yield Drift(DriftKind.LIVE_UNHEALTHY, problem, remedy, observed.service)


def _stopped(observed: ObservedService, live: ColourStatus) -> Iterator[Drift]:
    name = _name(observed, live)
    if paused := [one.name for one in live.containers if one.status == "paused"]:
        problem = f"{_all(paused)} of the live colour is paused"
        yield Drift(
            DriftKind.LIVE_PAUSED,
            problem,
            Hint(f"docker unpause {' '.join(paused)}"),
            observed.service,
        )
    stopped = [one.name for one in live.containers if not one.running and one.name not in paused]
    if stopped:
        problem = f"{_all(stopped)} of the live colour {name} isn't running"
        yield _repairable(DriftKind.LIVE_STOPPED, problem, observed, stopped)


def _gone(observed: ObservedService, live: ColourStatus) -> Iterator[Drift]:
    known = {one.name for one in (*live.containers, *observed.unlabelled)}
    gone = tuple(name for name in _replicas(observed, live) if name not in known)
    if not gone or _occupied(observed, live):
        return
    kept = next(
        (
            one
            for one in observed.images
            if observed.record and one.deployment == observed.record.id
        ),
        None,
    )
    there = kept is not None and (kept.where is not ImageLocation.GONE)
    same = live.deployment in (None, observed.record.id if observed.record else None)
    problem = f"{_all(gone)} of the live colour is gone"
    if observed.agrees and there and same:
        yield _repairable(DriftKind.LIVE_GONE, problem, observed, gone)
    else:
        yield Drift(DriftKind.LIVE_GONE, problem, _FORCE, observed.service, containers=gone)


def _disconnected(observed: ObservedService, live: ColourStatus) -> Iterator[Drift]:
    if not observed.agrees:
        return
    for one in live.containers:
        for network, place in observed.places.get(one.name, {}).items():
            address = one.addresses.get(network)
            if address is None or (place.address and address and address != place.address):
                problem = (
                    f"{one.name} of the live colour isn't on the network {network} as it should be"
                )
                found = _repairable(DriftKind.LIVE_DISCONNECTED, problem, observed, [one.name])
                yield replace(found, network=network)


# ── containers that should not be there ──────────────────────────────────────────────────────


def _strangers(observed: ObservedService) -> Iterator[Drift]:
    for colour, colour_addresses in observed.colour_addresses.items():
        status = observed.colours[colour]
        for one in observed.unlabelled:
            if one.addresses.get(colour_addresses.network) not in colour_addresses.addresses:
                continue
            name, live = _name(observed, status), colour is observed.routed
            problem = f"{one.name} sits at the address of {name}, without its labels"
            away = f"docker rm -f {one.name}"
            remedy = Hint(*_FORCE.parts, f", then {away}") if live else Hint(away)
            yield _of_container(DriftKind.UNLABELLED, problem, remedy, observed, one)
        for one in status.containers:
            if (
                observed.colour_addresses
                and one.name not in _replicas(observed, status)
                and _is_extra(observed, status)
            ):
                problem = f"{one.name} bears the labels of {_name(observed, status)}, and is no replica of it"
                remedy = Hint(f"docker rm -f {one.name}")
                yield _of_container(DriftKind.IMPOSTOR, problem, remedy, observed, one)


def _is_extra(observed: ObservedService, status: ColourStatus) -> bool:
    """What was left over by an older release may have had more replicas: that is no impostor."""
    return status.colour is observed.routed or any(
        one.name in _replicas(observed, status) for one in status.containers
    )


def _waiting(observed: ObservedService) -> Iterator[Drift]:
    """What a person may promote any day must be as it was proven."""
    if observed.waiting is None or observed.waits is None:
        return
    name, wrong = _name(observed, observed.waiting), ""
    if not observed.waiting.runs:
        wrong = f"{name} doesn't run"
    elif observed.waiting.deployment != observed.waits.id:
        wrong = f"{name} runs another deployment"
    elif sick := [one for one in observed.waiting.servers if not one.up]:
        said = ", ".join(one.check or one.status for one in sick)
        wrong = f"HAProxy finds {name} unhealthy: {said}"
    if wrong:
        problem = f"deployment {observed.waits.id} waits to be promoted, but {wrong}"
        remedy = Hint(Action.ABORT, ", then ", Command(Action.UP, flags=(Flag.NO_SWITCH,)))
        yield Drift(DriftKind.WAITING_UNWELL, problem, remedy, observed.service)


def _is_meant(observed: ObservedService, now: datetime) -> bool:
    """It waits to be promoted, or stands by."""
    if observed.idle is observed.waiting:
        return True
    return observed.standby is not None and observed.agrees and not observed.standby.is_over(now)


def _leftover(observed: ObservedService, now: datetime) -> Iterator[Drift]:
    """Where proxy and history don't agree, what has no traffic may be what should."""
    idle = observed.idle
    if idle is None or (observed.part and not observed.agrees) or _is_meant(observed, now):
        return
    names = tuple(one.name for one in idle.containers)
    if observed.live is None:
        problem = f"{_all(names)} runs, and nothing is live"
    elif observed.canary_weight:
        problem = (
            f"{_all(names)} has {observed.canary_weight} of the traffic beside the live colour"
        )
    elif observed.standby:
        problem = f"{_all(names)} has stood by for as long as it was meant to"
    else:
        problem = f"{_all(names)} runs beside the live colour, without traffic"
    if observed.live and observed.agrees and not observed.canary_weight:
        yield _repairable(DriftKind.LEFTOVER, problem, observed, names)
    else:
        yield Drift(
            DriftKind.LEFTOVER, problem, Hint(Action.UP), observed.service, containers=names
        )


def _strays(observed: ObservedService) -> Iterator[Drift]:
    if observed.live is None:
        return  # before that, what docker compose made is what serves
    for one in observed.compose_containers:
        what = (
            "answers to its name beside the proxy" if one.running else "would start with the daemon"
        )
        problem = f"{one.name} was made by docker compose and {what}"
        yield _repairable(DriftKind.STRAY, problem, observed, [one.name])


# ── images ───────────────────────────────────────────────────────────────────────────────────


def _images(observed: ObservedService) -> Iterator[Drift]:
    for kept in observed.images:
        if kept.where is ImageLocation.ENGINE and not kept.tagged:
            image, name = kept.release.image, kept.release.kept_tag
            problem = (
                f"image {image.short_id} of deployment {kept.deployment} has lost its name {name}:"
                " docker image prune would take it"
            )
            found = _repairable(DriftKind.IMAGE_UNNAMED, problem, observed)
            yield replace(found, image_id=image.id, tag=name)
    back = observed.rollback_option
    if back and back.wanted and back.image is ImageLocation.GONE:
        yield _lost(observed, back)


def _lost(observed: ObservedService, back: RollbackOption) -> Drift:
    """Somebody removed an image that a tag of ours kept, as ``docker system prune -a`` does."""
    image = back.target.release.image
    problem = (
        f"a rollback of {observed.service} would go to deployment {back.target.restores.id}, whose"
        f" image {image.short_id} ({image.reference}) is gone, and no registry has it"
    )
    remedy = Hint("none is left; each ", Action.UP, " keeps its image")
    if back.instead:
        remedy = Hint(Command(Action.ROLLBACK, (observed.service,), back.instead))
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


# ── words ────────────────────────────────────────────────────────────────────────────────────


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
    """Somebody without our labels sits where its replicas should."""
    colour_addresses = observed.colour_addresses.get(status.colour)
    return colour_addresses is not None and any(
        one.addresses.get(colour_addresses.network) in colour_addresses.addresses
        for one in observed.unlabelled
    )


def _all(names: Iterable[str]) -> str:
    return ", ".join(names)
