"""The basic cycle under both living versions of Compose, through docker itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from testkit.sources import Sources
from testkit.stage import Stage, service

pytestmark = pytest.mark.engine


@pytest.mark.parametrize(("compose", "version"), [("2", "2.40"), ("5", "5.")])
def test_the_basic_cycle(compose: str, version: str, stages: Callable[..., Any]) -> None:
    with stages(compose=compose, plugin=True) as stage:
        _cycle(stage, version)


def _cycle(stage: Stage, version: str) -> None:
    with stage.step("docker has both, this Compose and us"):
        assert stage.compose("version", "--short").ended(0).out.startswith(version)
        assert "Release services blue/green" in stage.bluegreen("up", "--help").ended(0).out
    Sources.copied(stage.folder / "sample")
    tag = f"{stage.project}-web"
    check = {"test": ["CMD", "/app/healthcheck"], "interval": "1s"}
    stage.write(web=service(f"{stage.port}:8080", build="./sample", image=tag, healthcheck=check))
    with stage.step("up"):
        stage.up("v1")
        stage.serves("v1")
    with stage.step("up again, without a loss"), stage.load():
        stage.up("v2")
        stage.serves("v2")
    with stage.step("nothing changed"):
        assert "nothing changed" in stage.up("v2").err
    with stage.step("a release that fails"), stage.load() as load:
        stage.bluegreen("up", "--timeout", "1s", VERSION="v3", NEVER_START="1").ended(1)
    assert load.report().versions == ["v2"]
    with stage.step("roll back"), stage.load():
        stage.bluegreen("rollback").ended(0)
        stage.serves("v1")
    with stage.step("the user's own up takes nothing away"), stage.load() as load:
        stage.compose("up", "--detach", VERSION="v4")
    assert load.report().versions == ["v1"]
    with stage.step("its log"):
        assert "listens on 8080" in stage.bluegreen("logs").ended(0).out
    with stage.step("down"):
        stage.bluegreen("down").ended(0)
        stage.compose("down", "--timeout", "1").ended(0)
        assert stage.containers() == stage.containers(ours=False) == []
        assert stage.named("network") == []
        assert stage.named("volume") == [f"{stage.companion}_history"]
    with stage.step("history has it all"):
        states = [one["state"] for one in stage.history()]
        assert states == ["removed", "failed", "rolled_back", "superseded"]
