"""Workers go with the release of what they work for; one that stops first never runs twice."""

from __future__ import annotations

import signal

import pytest

from testkit.stage import Model, Stage, other, service

pytestmark = pytest.mark.engine

_WORK = """
echo "begin $$VERSION" >> /data/log
trap '[ "$$VERSION" = frail ] || echo "end $$VERSION" >> /data/log; exit 0' TERM
[ "$$VERSION" != broken ] || exit 3
left=80
while :; do
    sleep 0.05
    [ "$$VERSION" != frail ] || [ $$((left -= 1)) -gt 0 ] || exit 4
done
"""
_SILENT = ("broken", "frail")
"""Versions that end without a word."""


def _write(stage: Stage, **more: str) -> None:
    work = {"type": "bind", "source": str(stage.folder), "target": "/data"}
    own = {"traffic": "none", "order": "stop-first"} | more
    jobs: Model = service(**{"x-bluegreen": own}) | {
        "command": ["sh", "-c", _WORK],
        "environment": {"VERSION": "${JOBS}"},
        "volumes": [work],
        "user": "0",
    }
    once = other("echo migrate $$VERSION >> /data/log", volumes=[work], restart="no", user="0")
    once["environment"] = {"VERSION": "${JOBS}"}
    ends = {"migrate": {"condition": "service_completed_successfully"}}
    web = service(f"{stage.port}:8080", depends_on=ends)
    stage.write(web=web, jobs=jobs, migrate=once)


def _log(stage: Stage) -> list[str]:
    return (stage.folder / "log").read_text().splitlines()


def _never_two(stage: Stage) -> None:
    """Of what began, all but the last had ended before the next began."""
    lines = [line for line in _log(stage) if not line.startswith("migrate")]
    working: list[str] = []
    for word, version in (line.split() for line in lines):
        if word == "end":
            working.remove(version)
        elif version not in _SILENT:
            working.append(version)
        assert len(working) <= 1, lines


def test_a_worker_is_exchanged_rolled_back_and_restored_and_never_runs_twice(stage: Stage) -> None:
    _write(stage)
    with stage.step("the first release: what runs once, then the rest"):
        stage.up("v1", JOBS="j1")
        assert _log(stage) == ["migrate j1", "begin j1"]
    with stage.step("the next one"), stage.load():
        stage.up("v2", JOBS="j2")
        assert _log(stage)[2:] == ["migrate j2", "end j1", "begin j2"]
        assert stage.colours("jobs") == ["green"]
    with stage.step("one that ends at once: neither is switched, and the old one works again"):
        with stage.load() as load:
            run = stage.bluegreen("up", VERSION="v3", JOBS="broken").ended(1)
        assert "jobs-blue-1 crashed " in run.err
        assert load.report().versions == ["v2"]
        assert _log(stage)[-1] == "begin j2"
        assert [each["drift"] for each in stage.status()["services"]] == [[], []]
    with stage.step("one that ends while it bakes: both go back"), stage.load():
        _write(stage, bake="10s")
        run = stage.bluegreen("up", VERSION="v3", JOBS="frail").ended(1)
        assert "jobs-blue with traffic" in run.err
        # As it is found: between two runs, or in the next one.
        assert "exit code 4" in run.err or "was restarted;" in run.err
        stage.serves("v2")
        assert _log(stage)[-1] == "begin j2"
        _write(stage)
    with stage.step("killed while it is exchanged: the next command restores the old one"):
        running = stage.begin("up", VERSION="v4", JOBS="j4")
        running.until("stop jobs-green")
        running.signal(signal.SIGKILL)
        running.end()
        stage.bluegreen("repair").ended(0)
        stage.serves("v2")
        assert _log(stage)[-1] == "begin j2"
        assert stage.colours("jobs") == ["green"]
    with stage.step("back"), stage.load():
        stage.bluegreen("rollback").ended(0)
        stage.serves("v1")
        assert _log(stage)[-2:] == ["end j2", "begin j1"]
    _never_two(stage)
