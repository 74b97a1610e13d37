"""A project of the user's that has the name of the companion project."""

from __future__ import annotations

import pytest

from testkit.stage import Stage, service

pytestmark = pytest.mark.engine


def start_foreign(stage: Stage) -> str:
    """A container as ``docker compose --project-name X-bluegreen up`` makes it."""
    name = f"{stage.companion}-db-1"
    labels = (f"com.docker.compose.project={stage.companion}", "com.docker.compose.service=db")
    flags = [word for label in labels for word in ("--label", label)]
    stage.docker(
        "run", "--detach", "--init", "--name", name, *flags, "debian:trixie-slim", "sleep", "999"
    )
    return name


def test_a_release_beside_it_is_refused_before_anything_moves(stage: Stage) -> None:
    foreign = start_foreign(stage)
    stage.write(web=service(f"{stage.port}:8080"))
    run = stage.bluegreen("up", VERSION="v1").ended(1)
    assert foreign in run.err
    assert "another `name:`" in run.err
    assert stage.containers() == [foreign]
    assert stage.history() == []


def test_down_leaves_its_containers(stage: Stage) -> None:
    stage.write(web=service(f"{stage.port}:8080"))
    stage.up("v1")
    foreign = start_foreign(stage)
    stage.bluegreen("down").ended(0)
    assert stage.containers(running=True) == [foreign]
