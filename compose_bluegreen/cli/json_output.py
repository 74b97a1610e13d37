"""Deployments and status as JSON for programs: these keys are a contract.

The JSON never contains the resolved model or the settings, because both may contain secrets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.domain.deployment import DeployedService, Deployment, StepRecord
from compose_bluegreen.domain.plan import PlannedStep
from compose_bluegreen.domain.release import Image

if TYPE_CHECKING:
    from compose_bluegreen.commands.repair import Repair
    from compose_bluegreen.deployment.notifications import Event
    from compose_bluegreen.inspection.drift import Drift
    from compose_bluegreen.inspection.status import (
        ColourStatus,
        Previewed,
        ServiceStatus,
        Status,
        UnderWay,
    )
    from compose_bluegreen.ports.lock import LockOwner


def deployment(record: Deployment) -> dict[str, Any]:
    """``colour``, ``image`` and similar keys describe the first service; null before images are known."""
    parts = [_part(part) for part in record.parts]
    first: Mapping[str, Any] = parts[0] if parts else {}
    return {
        "id": record.id,
        "project": record.project,
        "services": list(record.services),
        "kind": record.kind.value,
        "colour": first.get("colour"),
        "state": record.state.value,
        "image": first.get("image"),
        "image_id": first.get("image_id"),
        "repo_digest": first.get("repo_digest"),
        "git_revision": record.git_revision,
        "message": record.message,
        "actor": record.actor,
        "started_at": utc(record.started_at),
        "finished_at": utc(record.finished_at),
        "duration_s": _seconds(record.duration),
        "reason": record.reason,
        "rollback_of": record.rollback_of,
        "restores": record.restores,
        "engine": record.engine,
        "parts": parts,
    }


def with_steps(record: Deployment) -> dict[str, Any]:
    return {**deployment(record), "steps": [_step(step) for step in record.steps]}


def notice(record: Deployment, about: Event) -> dict[str, Any]:
    """The JSON body of a notification.

    - ``version``: the version of this format. Keys may be added. No key changes its meaning.
    - ``event``: what happened: see the table of events.
    - ``text``: one line for a chat, with the reason if there is one.
    - ``delivery``: the id of this notification. It is the same for each attempt to send it.
    - ``deployment``: the deployment, as in `docker bluegreen history --format json`.
    """
    headline = (
        f"{record.project}: deployment {record.id} of {', '.join(record.services)}: {about.value}"
    )
    return {
        "version": 1,
        "event": about.value,
        "text": f"{headline}: {record.reason}" if record.reason else headline,
        "delivery": str(uuid4()),
        "deployment": deployment(record),
    }


def status(observed: Status, monitor: str | None) -> dict[str, Any]:
    """``rollback_to`` is the id of a deployment, as ``rollback --to`` takes it.

    ``waiting`` is the deployment that is healthy and waits for promotion, or null.

    ``rollback_image`` is where its image is: ``engine``, ``registry``, or ``gone``.
    ``rollback_unsafe`` names irreversible changes, for which the rollback needs ``--force``.
    """
    return {
        "project": observed.project,
        "proxy": observed.proxy,
        "haproxy_version": (observed.haproxy and observed.haproxy.version) or None,
        "proxy_image_built_at": utc(observed.proxy_image_built_at),
        "proxy_image_outdated": bool(observed.haproxy and observed.haproxy.is_outdated),
        "monitor": f"http://{monitor}" if monitor else None,
        "under_way": _under_way(observed.under_way),
        "waiting": _waiting(observed.waits),
        "services": [_service(service) for service in observed.services],
        "drift": [_drift(drift) for drift in observed.drift],
    }


def lock(project: str, holder: LockOwner | None) -> dict[str, Any]:
    """``holder`` is null if the lock is free. After ``release`` it is the owner that lost the lock."""
    return {"project": project, "holder": _owner(holder)}


def _owner(holder: LockOwner | None) -> dict[str, Any] | None:
    if holder is None:
        return None
    return {"actor": holder.actor, "what": holder.command, "since": utc(holder.since)}


def repair(done: Repair) -> dict[str, Any]:
    return {
        "cured": [_drift(drift) for drift in done.cured],
        "left": [_drift(drift) for drift in done.remaining],
    }


def utc(moment: datetime | None) -> str | None:
    """ISO 8601 with a Z, to the millisecond."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else round(duration.total_seconds(), 3)


def _image(image: Image) -> dict[str, Any]:
    return {"image": image.reference, "image_id": image.id, "repo_digest": image.repo_digest}


def _part(part: DeployedService) -> dict[str, Any]:
    return {
        "service": part.service,
        "colour": part.colour.value,
        **_image(part.release.image),
        "live": part.live,
        "fingerprint": part.release.fingerprint,
    }


def _step(step: StepRecord) -> dict[str, Any]:
    return {
        "key": step.key,
        "name": step.name,
        "cause": step.cause,
        "outcome": step.outcome.value,
        "started_at": utc(step.started_at),
        "finished_at": utc(step.finished_at),
        "duration_s": _seconds(step.duration),
        "detail": step.detail,
    }


def plan(steps: Iterable[PlannedStep]) -> dict[str, Any]:
    """The answer of ``--dry-run --format json``."""
    return {"plan": [_planned(step) for step in steps]}


def _planned(step: PlannedStep) -> dict[str, Any]:
    return {
        "key": str(step.key),
        "services": list(step.services),
        "name": step.name,
        "cause": step.cause,
        "undo": step.undo or None,
        "state": step.enters.value if step.enters else None,
        "required": step.required,
    }


def _service(service: ServiceStatus) -> dict[str, Any]:
    return {
        "service": service.service,
        "live": _colour(service.live, _recorded(service)) if service.live else None,
        "idle": _colour(service.idle, None) if service.idle else None,
        "standby": {"until": utc(service.standby.until)} if service.standby else None,
        "rollback_to": service.rollback_to.id if service.rollback_to else None,
        "rollback_image": service.rollback_image.value if service.rollback_image else None,
        "rollback_unsafe": service.rollback_unsafe or None,
        "preview": _preview(service.preview) if service.preview else None,
        "drift": [_drift(drift) for drift in service.drift],
    }


def _preview(preview: Previewed) -> dict[str, Any]:
    return {"colour": preview.colour.value, "address": preview.address, "by_key": preview.by_key}


def _under_way(under_way: UnderWay | None) -> dict[str, Any] | None:
    if under_way is None:
        return None
    return {
        **(_owner(under_way.owner) or {}),
        "deployment": under_way.deployment,
        "key": under_way.step.key if under_way.step else None,
        "step": under_way.step.name if under_way.step else None,
    }


def _waiting(record: Deployment | None) -> dict[str, Any] | None:
    if record is None:
        return None
    return {
        "deployment": record.id,
        "since": utc(record.held_since),
        "actor": record.actor,
        "message": record.message,
        "colours": {part.service: part.colour.value for part in record.parts},
    }


def _recorded(service: ServiceStatus) -> Image | None:
    """What history knows of the live image, if it is that deployment that runs."""
    if (
        service.live is None
        or service.record is None
        or service.record.id != service.live.deployment
    ):
        return None
    part = service.record.part(service.service)
    return part.release.image if part else None


def _colour(colour: ColourStatus, recorded: Image | None) -> dict[str, Any]:
    return {
        "colour": colour.colour.value,
        "deployment": colour.deployment,
        "image": recorded.reference if recorded else None,
        "image_id": colour.image_id,
        "repo_digest": recorded.repo_digest if recorded else None,
        "since": utc(colour.since),
        "in_flight": colour.in_flight,
        "containers": [
            {
                "name": container.name,
                "status": container.status,
                "health": container.health,
                "restarts": container.restarts,
            }
            for container in colour.containers
        ],
        "servers": [
            {"address": server.address, "status": server.status, "check": server.check}
            for server in colour.servers
        ],
    }


def _drift(drift: Drift) -> dict[str, Any]:
    return {
        "kind": drift.kind.value,
        "cause": drift.problem,
        "cure": hint_text(drift.remedy),
        "repairable": drift.repairable,
    }
