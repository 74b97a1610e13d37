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


def deployment(one: Deployment) -> dict[str, Any]:
    """``colour``, ``image`` and similar keys describe the first service; null before images are known."""
    parts = [_part(part) for part in one.parts]
    first: Mapping[str, Any] = parts[0] if parts else {}
    return {
        "id": one.id,
        "project": one.project,
        "services": list(one.services),
        "kind": one.kind.value,
        "colour": first.get("colour"),
        "state": one.state.value,
        "image": first.get("image"),
        "image_id": first.get("image_id"),
        "repo_digest": first.get("repo_digest"),
        "git_revision": one.git_revision,
        "message": one.message,
        "actor": one.actor,
        "started_at": utc(one.started_at),
        "finished_at": utc(one.finished_at),
        "duration_s": _seconds(one.duration),
        "reason": one.reason,
        "rollback_of": one.rollback_of,
        "restores": one.restores,
        "engine": one.engine,
        "parts": parts,
    }


def with_steps(one: Deployment) -> dict[str, Any]:
    return {**deployment(one), "steps": [_step(step) for step in one.steps]}


def notice(one: Deployment, about: Event) -> dict[str, Any]:
    """The JSON body of a notification.

    - ``version``: the version of this format. Keys may be added. No key changes its meaning.
    - ``event``: what happened: see the table of events.
    - ``text``: one line for a chat, with the reason if there is one.
    - ``delivery``: the id of this notification. It is the same for each attempt to send it.
    - ``deployment``: the deployment, as in `docker bluegreen history --format json`.
    """
    headline = f"{one.project}: deployment {one.id} of {', '.join(one.services)}: {about.value}"
    return {
        "version": 1,
        "event": about.value,
        "text": f"{headline}: {one.reason}" if one.reason else headline,
        "delivery": str(uuid4()),
        "deployment": deployment(one),
    }


def status(found: Status, monitor: str | None) -> dict[str, Any]:
    """``rollback_to`` is the id of a deployment, as ``rollback --to`` takes it.

    ``waiting`` is the deployment that is healthy and waits for promotion, or null.

    ``rollback_image`` is where its image is: ``engine``, ``registry``, or ``gone``.
    ``rollback_unsafe`` names irreversible changes, for which the rollback needs ``--force``.
    """
    return {
        "project": found.project,
        "proxy": found.proxy,
        "proxy_image_built_at": utc(found.proxy_image_built_at),
        "monitor": f"http://{monitor}" if monitor else None,
        "under_way": _under_way(found.under_way),
        "waiting": _waiting(found.waits),
        "services": [_service(one) for one in found.services],
        "drift": [_drift(one) for one in found.drift],
    }


def lock(project: str, holder: LockOwner | None) -> dict[str, Any]:
    """``holder`` is null if the lock is free. After ``release`` it is the owner that lost the lock."""
    return {"project": project, "holder": _owner(holder)}


def _owner(holder: LockOwner | None) -> dict[str, Any] | None:
    if holder is None:
        return None
    return {"actor": holder.actor, "what": holder.what, "since": utc(holder.since)}


def repair(done: Repair) -> dict[str, Any]:
    return {
        "cured": [_drift(one) for one in done.cured],
        "left": [_drift(one) for one in done.left],
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


def _service(one: ServiceStatus) -> dict[str, Any]:
    return {
        "service": one.service,
        "live": _colour(one.live, _recorded(one)) if one.live else None,
        "idle": _colour(one.idle, None) if one.idle else None,
        "standby": {"until": utc(one.standby.until)} if one.standby else None,
        "rollback_to": one.rollback_to.id if one.rollback_to else None,
        "rollback_image": one.rollback_image.value if one.rollback_image else None,
        "rollback_unsafe": one.rollback_unsafe or None,
        "preview": _preview(one.preview) if one.preview else None,
        "drift": [_drift(drift) for drift in one.drift],
    }


def _preview(one: Previewed) -> dict[str, Any]:
    return {"colour": one.colour.value, "address": one.address, "by_key": one.by_key}


def _under_way(one: UnderWay | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        **(_owner(one.owner) or {}),
        "deployment": one.deployment,
        "key": one.step.key if one.step else None,
        "step": one.step.name if one.step else None,
    }


def _waiting(one: Deployment | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        "deployment": one.id,
        "since": utc(one.held_since),
        "actor": one.actor,
        "message": one.message,
        "colours": {part.service: part.colour.value for part in one.parts},
    }


def _recorded(one: ServiceStatus) -> Image | None:
    """What history knows of the live image, if it is that deployment that runs."""
    if one.live is None or one.record is None or one.record.id != one.live.deployment:
        return None
    part = one.record.part(one.service)
    return part.release.image if part else None


def _colour(one: ColourStatus, recorded: Image | None) -> dict[str, Any]:
    return {
        "colour": one.colour.value,
        "deployment": one.deployment,
        "image": recorded.reference if recorded else None,
        "image_id": one.image_id,
        "repo_digest": recorded.repo_digest if recorded else None,
        "since": utc(one.since),
        "in_flight": one.in_flight,
        "containers": [
            {
                "name": each.name,
                "status": each.status,
                "health": each.health,
                "restarts": each.restarts,
            }
            for each in one.containers
        ],
        "servers": [
            {"address": each.address, "status": each.status, "check": each.check}
            for each in one.servers
        ],
    }


def _drift(one: Drift) -> dict[str, Any]:
    return {
        "kind": one.kind.value,
        "cause": one.problem,
        "cure": hint_text(one.remedy),
        "repairable": one.repairable,
    }
