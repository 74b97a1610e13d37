"""How what there is of a service differs from what should be. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from compose_bluegreen.domain.names import replica_name
from compose_bluegreen.inspection.drift import REPAIR, Drift, DriftKind
from compose_bluegreen.inspection.observe import ColourStatus, Sight, WayBack, Whereabouts

_FORCE = "docker bluegreen up --force"


def of_service(sight: Sight, now: datetime) -> Iterator[Drift]:
    yield from _routing(sight)
    yield from _containers(sight)
    yield from _strangers(sight)
    yield from _waiting(sight)
    yield from _leftover(sight, now)
    yield from _strays(sight)
    yield from _images(sight)


# ── where traffic goes ───────────────────────────────────────────────────────────────────────


def _routing(sight: Sight) -> Iterator[Drift]:
    part, record = sight.part, sight.record
    if part is None or record is None:
        if sight.live:
            cause = f"{_name(sight, sight.live)} is live, and history knows nothing of it"
            yield Drift(DriftKind.HISTORY_DIFFERS, cause, _FORCE, sight.service)
        return
    told = sight.colours[part.colour]
    meant = f"history has deployment {record.id} on {part.colour} as live"
    cure = REPAIR if told.runs and told.deployment == record.id else _FORCE
    names = (str(part.colour),)
    if sight.live is None:
        cause = f"{meant}, the proxy routes {sight.service} nowhere"
        yield Drift(DriftKind.NOT_ROUTED, cause, cure, sight.service, names)
    elif sight.agrees:
        yield from _labels(sight, sight.live)
    elif _is_empty(sight, sight.live):
        cause = f"{meant}, the proxy routes {sight.service} to {sight.routed}, where nothing runs"
        yield Drift(DriftKind.ROUTED_TO_NOTHING, cause, cure, sight.service, names)
    elif told.containers:
        cause = (
            f"{meant}, the proxy routes {sight.service} to {sight.routed}; both colours are there"
        )
        yield Drift(DriftKind.ROUTED_ELSEWHERE, cause, _FORCE, sight.service)
    else:
        yield _other_deployment(sight, sight.live)


def _other_deployment(sight: Sight, live: ColourStatus) -> Drift:
    known = sight.record.id if sight.record else "none"
    cause = f"{_name(sight, live)} runs deployment {live.deployment}, history has {known} as live"
    return Drift(DriftKind.HISTORY_DIFFERS, cause, _FORCE, sight.service)


def _labels(sight: Sight, live: ColourStatus) -> Iterator[Drift]:
    """Of a running container they can't change: somebody made it anew, with others."""
    part, record = sight.part, sight.record
    if part is None or record is None or not live.containers:
        return
    if live.deployment not in (None, record.id):
        yield _other_deployment(sight, live)
        return
    deployments = {record.id} if live.brought_back_by is None else None
    wrong = [
        one.name
        for one in live.containers
        if one.fingerprint != part.release.fingerprint
        or (deployments is not None and one.deployment not in deployments)
    ]
    if wrong:
        cause = f"{_all(wrong)} doesn't bear the labels of deployment {record.id}: made by somebody else"
        yield Drift(DriftKind.LABELS_DIFFER, cause, _FORCE, sight.service)


# ── the containers that should serve ─────────────────────────────────────────────────────────


def _containers(sight: Sight) -> Iterator[Drift]:
    live = sight.live
    if live is None or (not sight.agrees and _is_empty(sight, live)):
        return
    found = [*_stopped(sight, live), *_gone(sight, live), *_disconnected(sight, live)]
    yield from found
    sick = [one for one in live.servers if not one.up]
    if sick and not found:
        said = ", ".join(one.check for one in sick)
        cause = f"HAProxy finds {_name(sight, live)} unhealthy: {said}"
        cure = f"docker bluegreen logs {sight.service}, then rollback or up"
        yield Drift(DriftKind.LIVE_UNHEALTHY, cause, cure, sight.service)


def _stopped(sight: Sight, live: ColourStatus) -> Iterator[Drift]:
    name = _name(sight, live)
    if paused := [one.name for one in live.containers if one.status == "paused"]:
        cause = f"{_all(paused)} of the live colour is paused"
        yield Drift(
            DriftKind.LIVE_PAUSED, cause, f"docker unpause {' '.join(paused)}", sight.service
        )
    stopped = [one.name for one in live.containers if not one.running and one.name not in paused]
    if stopped:
        cause = f"{_all(stopped)} of the live colour {name} isn't running"
        yield Drift(DriftKind.LIVE_STOPPED, cause, REPAIR, sight.service, tuple(stopped))


def _gone(sight: Sight, live: ColourStatus) -> Iterator[Drift]:
    known = {one.name for one in (*live.containers, *sight.strangers)}
    gone = tuple(name for name in _replicas(sight, live) if name not in known)
    if not gone or _occupied(sight, live):
        return
    kept = next(
        (one for one in sight.images if sight.record and one.deployment == sight.record.id), None
    )
    there = kept is not None and (kept.where is not Whereabouts.GONE)
    same = live.deployment in (None, sight.record.id if sight.record else None)
    cure = REPAIR if sight.agrees and there and same else _FORCE
    cause = f"{_all(gone)} of the live colour is gone"
    yield Drift(DriftKind.LIVE_GONE, cause, cure, sight.service, gone)


def _disconnected(sight: Sight, live: ColourStatus) -> Iterator[Drift]:
    if not sight.agrees:
        return
    for one in live.containers:
        for network, place in sight.places.get(one.name, {}).items():
            address = one.addresses.get(network)
            if address is None or (place.address and address and address != place.address):
                cause = (
                    f"{one.name} of the live colour isn't on the network {network} as it should be"
                )
                names = (one.name, network)
                yield Drift(DriftKind.LIVE_DISCONNECTED, cause, REPAIR, sight.service, names)


# ── containers that should not be there ──────────────────────────────────────────────────────


def _strangers(sight: Sight) -> Iterator[Drift]:
    for colour, seats in sight.seats.items():
        status = sight.colours[colour]
        for one in sight.strangers:
            if one.addresses.get(seats.network) not in seats.addresses:
                continue
            name, live = _name(sight, status), colour is sight.routed
            cause = f"{one.name} sits at the address of {name}, without its labels"
            away = f"docker rm -f {one.name}"
            cure = f"{_FORCE}, then {away}" if live else away
            yield Drift(DriftKind.UNLABELLED, cause, cure, sight.service, (one.name,))
        for one in status.containers:
            if (
                sight.seats
                and one.name not in _replicas(sight, status)
                and _is_extra(sight, status)
            ):
                cause = f"{one.name} bears the labels of {_name(sight, status)}, and is no replica of it"
                cure = f"docker rm -f {one.name}"
                yield Drift(DriftKind.IMPOSTOR, cause, cure, sight.service, (one.name,))


def _is_extra(sight: Sight, status: ColourStatus) -> bool:
    """What was left over by an older release may have had more replicas: that is no impostor."""
    return status.colour is sight.routed or any(
        one.name in _replicas(sight, status) for one in status.containers
    )


def _waiting(sight: Sight) -> Iterator[Drift]:
    """What a person may promote any day must be as it was proven."""
    if sight.waiting is None or sight.waits is None:
        return
    name, wrong = _name(sight, sight.waiting), ""
    if not sight.waiting.runs:
        wrong = f"{name} doesn't run"
    elif sight.waiting.deployment != sight.waits.id:
        wrong = f"{name} runs another deployment"
    elif sick := [one for one in sight.waiting.servers if not one.up]:
        said = ", ".join(one.check or one.status for one in sick)
        wrong = f"HAProxy finds {name} unhealthy: {said}"
    if wrong:
        cause = f"deployment {sight.waits.id} waits to be promoted, but {wrong}"
        cure = "docker bluegreen abort, then docker bluegreen up --no-switch"
        yield Drift(DriftKind.WAITING_UNWELL, cause, cure, sight.service)


def _is_meant(sight: Sight, now: datetime) -> bool:
    """It waits to be promoted, or stands by."""
    if sight.idle is sight.waiting:
        return True
    return sight.standby is not None and sight.agrees and not sight.standby.is_over(now)


def _leftover(sight: Sight, now: datetime) -> Iterator[Drift]:
    """Where proxy and history don't agree, what has no traffic may be what should."""
    idle = sight.idle
    if idle is None or (sight.part and not sight.agrees) or _is_meant(sight, now):
        return
    names = tuple(one.name for one in idle.containers)
    if sight.live is None:
        cause, cure = f"{_all(names)} runs, and nothing is live", "docker bluegreen up"
    elif sight.share:
        cause = f"{_all(names)} has {sight.share} of the traffic beside the live colour"
        cure = "docker bluegreen up"
    else:
        cause = f"{_all(names)} runs beside the live colour, without traffic"
        if sight.standby:
            cause = f"{_all(names)} has stood by for as long as it was meant to"
        cure = REPAIR if sight.agrees else "docker bluegreen up"
    yield Drift(DriftKind.LEFTOVER, cause, cure, sight.service, names)


def _strays(sight: Sight) -> Iterator[Drift]:
    if sight.live is None:
        return  # before that, what docker compose made is what serves
    for one in sight.strays:
        what = (
            "answers to its name beside the proxy" if one.running else "would start with the daemon"
        )
        cause = f"{one.name} was made by docker compose and {what}"
        yield Drift(DriftKind.STRAY, cause, REPAIR, sight.service, (one.name,))


# ── images ───────────────────────────────────────────────────────────────────────────────────


def _images(sight: Sight) -> Iterator[Drift]:
    for kept in sight.images:
        if kept.where is Whereabouts.ENGINE and not kept.tagged:
            image, name = kept.release.image, kept.release.kept_tag
            cause = (
                f"image {image.short_id} of deployment {kept.deployment} has lost its name {name}:"
                " docker image prune would take it"
            )
            names = (image.id, name)
            yield Drift(DriftKind.IMAGE_UNNAMED, cause, REPAIR, sight.service, names)
    back = sight.way_back
    if back and back.wanted and back.image is Whereabouts.GONE:
        yield _lost(sight, back)


def _lost(sight: Sight, back: WayBack) -> Drift:
    """Somebody removed an image that a tag of ours kept, as ``docker system prune -a`` does."""
    image = back.target.release.image
    cause = (
        f"a rollback of {sight.service} would go to deployment {back.target.restores.id}, whose"
        f" image {image.short_id} ({image.reference}) is gone, and no registry has it"
    )
    cure = "none is left; each docker bluegreen up keeps its image"
    if back.instead:
        cure = f"docker bluegreen rollback {sight.service} --to {back.instead}"
    return Drift(DriftKind.ROLLBACK_GONE, cause, cure, sight.service)


# ── words ────────────────────────────────────────────────────────────────────────────────────


def _name(sight: Sight, status: ColourStatus) -> str:
    return f"{sight.service}-{status.colour}"


def _replicas(sight: Sight, status: ColourStatus) -> list[str]:
    """Names of the containers that this colour should have."""
    seats = sight.seats.get(status.colour)
    count = len(seats.addresses) if seats else 0
    return [replica_name(sight.project, sight.service, status.colour, n + 1) for n in range(count)]


def _is_empty(sight: Sight, status: ColourStatus) -> bool:
    return not status.containers and not _occupied(sight, status)


def _occupied(sight: Sight, status: ColourStatus) -> bool:
    """Somebody without our labels sits where its replicas should."""
    seats = sight.seats.get(status.colour)
    return seats is not None and any(
        one.addresses.get(seats.network) in seats.addresses for one in sight.strangers
    )


def _all(names: Iterable[str]) -> str:
    return ", ".join(names)
