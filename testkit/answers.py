"""Deployments and a status, for the tests of what is printed about them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.deployment import DeployedService, Deployment, Kind, StepRecord
from compose_bluegreen.domain.release import Image, Release
from compose_bluegreen.domain.states import Outcome, State
from compose_bluegreen.inspection.drift import Drift
from compose_bluegreen.inspection.status import ColourStatus, ServiceStatus, Status
from compose_bluegreen.ports.engine import Container
from compose_bluegreen.ports.proxy import ServerHealth

START = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
EAST = timezone(timedelta(hours=2))
IMAGE = Image("shop/web:latest", "sha256:" + "ab12" * 16, "shop/web@sha256:" + "cd" * 32)
SECRET = {"environment": {"PASSWORD": "hush"}}


def part(
    service: str = "web", colour: Colour = Colour.GREEN, image: Image = IMAGE
) -> DeployedService:
    return DeployedService(
        Release(service, image, dict(SECRET), dict(SECRET), "f1"), colour, live=True
    )


UP = Deployment(
    id=42,
    engine="engine-1",
    project="shop",
    kind=Kind.UP,
    state=State.LIVE,
    services=("web",),
    actor="ada@host",
    started_at=START,
    finished_at=START + timedelta(seconds=3.5),
    message="greets",
    git_revision="abc123",
    parts=(part(),),
)
BACK = replace(UP, id=43, kind=Kind.ROLLBACK, rollback_of=42, restores=41, message="oh")
BUILDING = replace(UP, id=44, state=State.PREPARING, finished_at=None, parts=(), message="")
FAILED = replace(
    UP,
    state=State.FAILED,
    reason="web-green was not healthy",
    steps=(
        StepRecord(
            "build:web",
            "build web",
            "it has a build",
            Outcome.DONE,
            START,
            START + timedelta(seconds=1),
        ),
        StepRecord(
            "health",
            "wait until web-green is healthy",
            "only healthy colours receive requests",
            Outcome.FAILED,
            START,
            START + timedelta(minutes=2, seconds=5),
            "line 1\n\x1b[31mline 2\x1b[0m\n",
        ),
        StepRecord("switch", "route", "", Outcome.RUNNING, START),
    ),
)


def container(number: int = 1, health: str | None = "healthy") -> Container:
    return Container(
        id=f"c{number}",
        name=f"shop-web-green-{number}",
        image_id=IMAGE.id,
        status="running",
        exit_code=0,
        restarts=0,
        health=health,
        started_at=START,
        addresses={},
        deployment=42,
    )


def found(*servers: ServerHealth, drift: tuple[Drift, ...] = (), live: bool = True) -> Status:
    up = ColourStatus(Colour.GREEN, (container(),), servers, in_flight=2)
    service = ServiceStatus("web", up if live else None, None, UP, replace(UP, id=41), drift)
    return Status("shop", "running", (service,))


WELL = ServerHealth("10.0.0.2:8080", "UP", "L7OK")
