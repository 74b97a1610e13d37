"""What deployments look like as rows, and rows as deployments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, Table, select

from compose_bluegreen.adapters.history.step_names import key_of_name
from compose_bluegreen.adapters.history.tables import (
    deployment_parts,
    deployment_services,
    deployment_steps,
    deployments,
)
from compose_bluegreen.domain.deployment import (
    DeployedService,
    Deployment,
    NewDeployment,
    StepRecord,
)
from compose_bluegreen.domain.release import Image, Release

_Rows = Sequence[RowMapping]


def load(
    connection: Connection, chosen: Select[int], *, models: bool = True, steps: bool = False
) -> list[Deployment]:
    """The deployments whose primary keys ``chosen`` selects, newest first."""
    rows = connection.execute(
        select(deployments)
        .where(deployments.c.id.in_(chosen))
        .order_by(deployments.c.number.desc(), deployments.c.id.desc())
    ).mappings()
    services = _children(connection, deployment_services, chosen)
    parts = _children(connection, deployment_parts, chosen, but="" if models else "model")
    done = _children(connection, deployment_steps, chosen) if steps else {}
    return [
        _deployment(row, services[row["id"]], parts.get(row["id"], ()), done.get(row["id"], ()))
        for row in rows
    ]


def draft_row(new_deployment: NewDeployment) -> dict[str, Any]:
    return {
        "engine": new_deployment.engine,
        "project": new_deployment.project,
        "kind": new_deployment.kind,
        "actor": new_deployment.actor,
        "message": new_deployment.message,
        "git_revision": new_deployment.git_revision,
        "started_at": new_deployment.started_at,
        "reason": "",
        "rollback_of": new_deployment.rollback_of,
        "restores": new_deployment.restores,
    }


def part_row(part: DeployedService) -> dict[str, Any]:
    release = part.release
    return {
        "service": release.service,
        "colour": part.colour,
        "live": False,
        "taken_back": False,
        "image_reference": release.image.reference,
        "image_id": release.image.id,
        "repo_digest": release.image.repo_digest,
        "fingerprint": release.fingerprint,
        "settings": release.settings,
        "model": release.model,
    }


def step_row(step: StepRecord) -> dict[str, Any]:
    return {
        "key": step.key,
        "name": step.name,
        "cause": step.cause,
        "outcome": step.outcome,
        "started_at": step.started_at,
        "finished_at": step.finished_at,
        "detail": step.detail,
    }


def _children(
    connection: Connection, table: Table, chosen: Select[int], *, but: str = ""
) -> Mapping[int, _Rows]:
    columns = (column for column in table.c if column.name != but)
    children: dict[int, list[RowMapping]] = defaultdict(list)
    for row in connection.execute(
        select(*columns)
        .where(table.c.deployment_id.in_(chosen))
        .order_by(table.c.deployment_id, table.c.number)
    ).mappings():
        children[row["deployment_id"]].append(row)
    return children


def _deployment(row: RowMapping, services: _Rows, parts: _Rows, steps: _Rows) -> Deployment:
    return Deployment(
        id=row["number"],
        engine=row["engine"],
        project=row["project"],
        kind=row["kind"],
        state=row["state"],
        services=tuple(service["service"] for service in services),
        actor=row["actor"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        message=row["message"],
        git_revision=row["git_revision"],
        reason=row["reason"],
        rollback_of=row["rollback_of"],
        restores=row["restores"],
        parts=tuple(_part(part) for part in parts),
        steps=tuple(_step(step) for step in steps),
    )


def _part(row: RowMapping) -> DeployedService:
    release = Release(
        service=row["service"],
        image=Image(row["image_reference"], row["image_id"], row["repo_digest"]),
        model=row.get("model", {}),
        settings=row["settings"],
        fingerprint=row["fingerprint"],
    )
    return DeployedService(release, row["colour"], row["live"])


def _step(row: RowMapping) -> StepRecord:
    return StepRecord(
        key=row["key"] or key_of_name(row["name"], row["cause"]),
        name=row["name"],
        cause=row["cause"],
        outcome=row["outcome"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        detail=row["detail"],
    )
