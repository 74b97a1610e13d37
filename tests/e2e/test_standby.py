"""What served before stands by: a rollback to it starts nothing, and loses nothing."""

from __future__ import annotations

from typing import Any

import pytest

from testkit.stage import Model, Stage, service
from testkit.waiting import eventually

pytestmark = pytest.mark.engine


def _web(stage: Stage, standby: str, **changes: Any) -> Model:
    health = {"path": "/healthz", "interval": "500ms", "timeout": "500ms"}
    own = {"health": health, "drain_timeout": "5s", "standby": standby}
    return service(f"{stage.port}:8080", **{"x-bluegreen": own}, **changes)


def _id(stage: Stage, colour: str) -> str:
    return str(stage.inspect(stage.container(colour))["Id"])


def _servers(stage: Stage) -> list[str]:
    """What HAProxy thinks of the idle colour."""
    return [one["status"] for one in stage.status()["services"][0]["idle"]["servers"]]


def _steps(stage: Stage) -> list[str]:
    newest = stage.history("--limit", "1")[0]["id"]
    return [one["key"] for one in stage.show(newest)["steps"]]


def test_a_rollback_to_what_stands_by_starts_nothing(stage: Stage) -> None:
    stage.write(web=_web(stage, "10m", stop_grace_period="1s"))
    stage.up("v1")
    blue = _id(stage, "blue")
    with stage.step("released beside it: blue stays up"), stage.load():
        stage.up("v2")
        stage.serves("v2")
    found = stage.status()["services"][0]
    assert (found["drift"], found["idle"]["deployment"]) == ([], 1)
    assert found["standby"]["until"] > stage.history()[0]["finished_at"]
    with stage.step("back, by one switch"), stage.load() as load:
        stage.bluegreen("rollback").ended(0)
        stage.serves("v1")
    assert load.report().versions == ["v2", "v1"]
    assert _id(stage, "blue") == blue
    assert "wake" in _steps(stage)
    found = stage.status()["services"][0]
    assert (found["live"]["deployment"], found["drift"]) == (3, [])

    with stage.step("the proxy restarts: still the same"):
        stage.docker("restart", "--time", "1", stage.proxy)
        eventually(lambda: stage.status()["services"][0]["drift"] == [], "nothing to drift")
        stage.serves("v1")
    with stage.step("what stands by hangs: it is started anew, and never switched to as it is"):
        stage.docker("kill", "--signal", "STOP", stage.container("green"))
        eventually(lambda: _servers(stage) != ["UP"], "HAProxy to see it")
        with stage.load() as load:
            stage.bluegreen("rollback", "--to", "2").ended(0)
        assert load.report().versions == ["v1", "v2"]
        assert "start" in _steps(stage)


def test_what_is_over_goes_with_the_next_command_and_what_is_stopped_comes_again(
    stage: Stage,
) -> None:
    stage.write(web=_web(stage, "1500ms"))
    stage.up("v1")
    stage.up("v2")
    assert stage.colours() == ["blue", "green"]
    with stage.step("it is over: status says so, and prune ends it"):
        eventually(lambda: [one["kind"] for one in stage.drift()] == ["leftover"], "its end")
        assert "removed: web-blue" in stage.bluegreen("prune").ended(0).out
        assert (stage.colours(), stage.drift()) == (["green"], [])
    stage.write(web=_web(stage, "stopped"))
    with stage.step("stopped, it is started again by a rollback"), stage.load():
        stage.up("v3")
        assert stage.containers(running=True) == [stage.proxy, stage.container("blue")]
        assert stage.drift() == []
        green = _id(stage, "green")
        stage.bluegreen("rollback").ended(0)
        stage.serves("v2")
        assert _id(stage, "green") == green
