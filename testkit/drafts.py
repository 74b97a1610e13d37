"""Deployments to record in a history."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.deployment import DeployedService, Kind, NewDeployment
from compose_bluegreen.domain.release import Image, Release
from compose_bluegreen.domain.states import State
from compose_bluegreen.ports.history import History

ENGINE, PROJECT = "ABCD:EFGH", "shop"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(seconds=3, microseconds=25)


# A way through the states to each of them; promotions and removals are by the same door.
WAY = {
    State.PREPARING: [],
    State.STARTING: [State.STARTING],
    State.WAITING: [State.STARTING, State.WAITING],
    State.SWITCHING: [State.STARTING, State.SWITCHING],
    State.LIVE: [State.STARTING, State.SWITCHING, State.LIVE],
    State.SUPERSEDED: [State.STARTING, State.SWITCHING, State.LIVE, State.SUPERSEDED],
    State.ROLLED_BACK: [State.STARTING, State.SWITCHING, State.LIVE, State.ROLLED_BACK],
    State.REMOVED: [State.STARTING, State.SWITCHING, State.LIVE, State.REMOVED],
    State.FAILED: [State.FAILED],
    State.INTERRUPTED: [State.INTERRUPTED],
    State.STUCK: [State.STUCK],
}


def a_draft(*services: str, kind: Kind = Kind.UP, **more: object) -> NewDeployment:
    new_deployment = NewDeployment(
        engine=ENGINE,
        project=PROJECT,
        kind=kind,
        services=services or ("web",),
        actor="ada@laptop",
        started_at=NOON,
    )
    return replace(new_deployment, **more)  # type: ignore[arg-type]


def a_part(
    service: str = "web", *, image: str = "1", colour: Colour = Colour.BLUE
) -> DeployedService:
    model = {"name": f"{PROJECT}-bluegreen", "services": {service: {"environment": {"A": "ü"}}}}
    found = Image(f"{service}:latest", f"sha256:{image}", None)
    return DeployedService(Release(service, found, model, {"keep": 5}, f"print-{image}"), colour)


def walked(history: History, deployment: int, state: State) -> int:
    for each in WAY[state]:
        history.to(deployment, each, NOON)
    return deployment


def released(history: History, *parts: DeployedService, **more: object) -> int:
    new_deployment = a_draft(*(part.service for part in parts), **more)  # type: ignore[arg-type]
    deployment = history.begin(new_deployment)
    history.parts(deployment, parts)
    walked(history, deployment, State.SWITCHING)
    history.promote(deployment, LATER)
    return deployment
