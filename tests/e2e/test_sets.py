"""Several services of one file are one release: all of them are live in it, or none is."""

from __future__ import annotations

import pytest

from testkit.commands import Run
from testkit.stage import Model, Stage, service

pytestmark = pytest.mark.engine

SERVICES = ("web", "api", "jobs")

_PAIRS = """
import http.client, time
def version(name):
    line = http.client.HTTPConnection(name, 8080, timeout=30)
    line.request("GET", "/")
    found = line.getresponse()
    found.read()
    return found.getheader("X-Version")
while True:
    print(version("web"), version("api"), flush=True)
    time.sleep(0.003)
"""
"""What a visitor inside gets who asks first the one, then the other."""


def _own(name: str) -> Model:
    """Its switches come from variables that begin with its name."""
    switches = {"VERSION": f"${{{name}}}", "NEVER_START": f"${{{name}_NEVER:-0}}"}
    switches["START_DELAY"] = f"${{{name}_DELAY:-0}}"
    check = {"test": ["CMD", "/app/healthcheck"], "interval": "1s", "retries": 30}
    return service(environment=switches, healthcheck=check, expose=["8080"])


def _write(stage: Stage) -> None:
    needs = {"api": {"condition": "service_healthy"}}
    web = _own("web") | {"ports": [f"{stage.port}:8080"], "depends_on": needs}
    stage.write(web=web, api=_own("api"), jobs=_own("jobs"))


def _up(stage: Stage, *words: str, **versions: str) -> Run:
    return stage.bluegreen("up", *words, **versions)


def _asked_inside(stage: Stage, name: str, *, of: str) -> str:
    """The version that a container gets which asks that name."""
    code = _PAIRS.partition("while")[0] + f"print(version({name!r}))"
    return stage.docker("exec", of, "python3", "-c", code)


def _started(stage: Stage, name: str) -> str:
    return str(stage.inspect(name)["State"]["StartedAt"])


def test_a_set_goes_live_whole_stays_whole_and_comes_back_whole(stage: Stage) -> None:
    _write(stage)
    with stage.step("the first release: each after what must be healthy before it"):
        _up(stage, web="w1", api="a1", jobs="j1").ended(0)
        api, web = stage.container("blue", "api"), stage.container("blue")
        assert _started(stage, api) < _started(stage, web)
    jobs = stage.inspect(stage.container("blue", "jobs"))["Id"]

    with stage.step("one that never gets healthy: nobody is switched"), stage.load() as load:
        run = _up(stage, "--timeout", "3s", web="w2", api="a2", jobs="j2", web_NEVER="1").ended(1)
        assert "web-green was not healthy" in run.err
        assert _asked_inside(stage, "api", of=web) == "a1"
        assert stage.colours("api") == stage.colours("web") == stage.colours("jobs") == ["blue"]
    assert load.report().versions == ["w1"]

    with stage.step("two of three have changed: both are switched at once"), stage.load() as load:
        asking = stage.begin_docker(
            "exec", stage.container("blue", "jobs"), "python3", "-c", _PAIRS
        )
        running = stage.begin("up", web="w2", api="a2", jobs="j1", web_DELAY="3")
        running.until("start api-green and web-green")
        trial = stage.container("green")
        found = [_asked_inside(stage, name, of=trial) for name in ("api", "api-blue", "api-green")]
        assert found == ["a1", "a1", "a2"]
        running.end().ended(0)
        assert _asked_inside(stage, "api", of=trial) == "a2"
        pairs = [tuple(line.split()) for line in asking.stdout.read_text().splitlines()]
        asking.give_up()
    assert load.report().versions == ["w1", "w2"]
    assert (pairs[0], ("w2", "a2") in pairs) == (("w1", "a1"), True)
    assert ("w2", "a1") not in pairs
    assert stage.inspect(stage.container("blue", "jobs"))["Id"] == jobs
    assert stage.colours("web") == stage.colours("api") == ["green"]

    with stage.step("back, as one"), stage.load() as load:
        stage.bluegreen("rollback").ended(0)
        assert _asked_inside(stage, "api", of=stage.container("blue", "jobs")) == "a1"
    assert load.report().versions == ["w2", "w1"]
    assert stage.inspect(stage.container("blue", "jobs"))["Id"] == jobs
    assert [each["drift"] for each in stage.status()["services"]] == [[], [], []]

    with stage.step("--all takes the unchanged along"):
        _up(stage, "--all", web="w3", api="a1", jobs="j1").ended(0)
        assert {name: stage.colours(name) for name in SERVICES} == {
            name: ["green"] for name in SERVICES
        }
