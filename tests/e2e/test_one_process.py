"""Two ``status`` and one ``up`` in one process, each in its thread, over the real engine."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest

from compose_bluegreen.cli.progress import observer
from compose_bluegreen.cli.project_reader import named_application, read_application
from compose_bluegreen.config.requests import ProjectLocation, UpRequest
from compose_bluegreen.domain.deployment import Deployment
from compose_bluegreen.domain.states import State
from compose_bluegreen.inspection.status import Status
from testkit.load.linearizability import Switching
from testkit.stage import Stage, service

pytestmark = pytest.mark.engine

PATIENCE = 90.0


@pytest.fixture
def here(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """This process has the environment of the stage's commands."""
    for name in set(os.environ) - set(stage.environment):
        monkeypatch.delenv(name)
    for name, value in stage.environment.items():
        monkeypatch.setenv(name, value)
    return stage


def test_two_status_answer_while_a_release_is_under_way(here: Stage) -> None:
    here.write(web=service(f"{here.port}:8080", environment={"VERSION": "v1"}))
    here.bluegreen("up").ended(0)
    here.write(web=service(f"{here.port}:8080", environment={"VERSION": "v2"}))
    where = ProjectLocation(files=(here.folder / "compose.yaml",), project_directory=here.folder)
    before, together, released = dict(os.environ), Barrier(3), Event()

    with (
        here.step("three threads begin together"),
        here.load(also=[Switching(time.monotonic())]),
        ThreadPoolExecutor(3) as threads,
    ):
        looking = [threads.submit(_look, where, together, released) for _ in range(2)]
        releasing = threads.submit(_release, where, together, released.set)
        deployment = releasing.result(PATIENCE)
        seen = [one.result(PATIENCE) for one in looking]

    assert deployment is not None
    assert deployment.state is State.LIVE
    here.serves("v2")
    assert all(looks and all(_live(one) for one in looks) for looks in seen)
    assert dict(os.environ) == before


def _release(
    where: ProjectLocation, together: Barrier, ended: Callable[[], None]
) -> Deployment | None:
    try:
        together.wait(PATIENCE)
        with read_application(where, "up", observer("quiet")) as (application, project):
            return application.up(UpRequest(services=("web",)), project)
    finally:
        ended()


def _look(where: ProjectLocation, together: Barrier, released: Event) -> list[Status]:
    """Looks again and again, until the release has ended."""
    together.wait(PATIENCE)
    seen: list[Status] = []
    while not seen or not released.is_set():
        with named_application(where, "status", observer("quiet"), acts=False) as application:
            seen.append(application.status())
    return seen


def _live(found: Status) -> bool:
    """One version serves at every moment."""
    (web,) = found.services
    return web.live is not None
