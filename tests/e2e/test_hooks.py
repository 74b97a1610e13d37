"""Hooks on the real engine, under load: where they run, what they stop, what they leave."""

from __future__ import annotations

import json
import secrets
import signal
from typing import Any

import pytest

from testkit.command_lines import watching
from testkit.stage import Model, Stage, service
from testkit.waiting import eventually

pytestmark = pytest.mark.engine

LONG = "trap 'exit 0' TERM; echo begun; sleep 600 & wait"
"""As its container's first process, a shell would not hear of SIGTERM by itself."""

SECRET = f"hush-{secrets.token_hex(8)}"


@pytest.fixture(scope="module")
def site(shared: Stage) -> Stage:
    """``v1`` serves, and nothing of it is a hook."""
    _write(shared)
    shared.up("v1")
    return shared


def _write(stage: Stage, **hooks: Any) -> None:
    web = service(
        f"{stage.port}:8080",
        environment=["VERSION", "NEVER_START", f"PASSWORD={SECRET}"],
        volumes=["notes:/notes"],
        user="0",
    )
    web["x-bluegreen"] |= {"hooks": hooks}
    stage.write(web=web, top={"volumes": {"notes": {}}})


def _sh(script: str, **more: Any) -> Model:
    return {"run": ["sh", "-c", script], **more}


def _steps(stage: Stage) -> dict[str, Model]:
    """Of the newest deployment."""
    (newest,) = stage.history("--limit", "1")
    return {step["key"]: step for step in stage.show(newest["id"])["steps"]}


def _hook_containers(stage: Stage) -> list[str]:
    label = f"label=compose-bluegreen.hook={stage.project}"
    return stage.docker("ps", "--all", "--filter", label, "--format", "{{.Names}}").split()


def test_hooks_run_at_their_moments_and_are_told_what_happens(site: Stage) -> None:
    ask = "import urllib.request as u; print(u.urlopen('http://web-%s:8080/healthz').status)"
    _write(
        site,
        pre_deploy=_sh("id -u >/notes/migrated; echo $$VERSION $$BLUEGREEN_DEPLOYMENT $$PASSWORD"),
        post_start={"exec": ["sh", "-c", "cat /notes/migrated; echo $$BLUEGREEN_COLOUR"]},
        pre_switch=_sh(f'python3 -c "{ask % "$$BLUEGREEN_COLOUR"}"'),
        post_switch={"host": ["sh", "-c", "echo $$BLUEGREEN_HOOK $$BLUEGREEN_SERVICE >told; pwd"]},
    )
    with site.step("a release under load"), site.load(), watching(SECRET) as seen:
        run = site.up("v2", "--progress", "json")
    assert seen == [], "a secret is in the arguments of a process"
    steps = _steps(site)
    with site.step("what each said is in the record"):
        assert steps["hook:pre_deploy:1:web"]["detail"] == f"v2 2 {SECRET}"
        assert steps["hook:post_start:1:web"]["detail"] == "0\ngreen"
        assert steps["hook:pre_switch:1:web"]["detail"] == "200"
        assert steps["hook:post_switch:1:web"]["detail"] == str(site.folder)
        assert (site.folder / "told").read_text() == "post_switch web\n"
    with site.step("and each is a step for a program that listens"):
        said = [json.loads(line) for line in run.err.splitlines()]
        ended = [one["key"] for one in said if one["event"] == "step_ended"]
        assert [one for one in ended if one.startswith("hook:")] == [
            "hook:pre_deploy:1:web",
            "hook:post_start:1:web",
            "hook:pre_switch:1:web",
            "hook:post_switch:1:web",
        ]
    assert _hook_containers(site) == []
    site.serves("v2")


def test_a_hook_that_fails_after_the_switch_flips_back_and_nobody_loses_a_request(
    site: Stage,
) -> None:
    live = site.live()["colour"]
    version = site.ask().version
    _write(
        site,
        post_switch=_sh("echo the cache is cold; exit 7"),
        on_failure={"host": ["sh", "-c", 'printf %s "$$BLUEGREEN_REASON" >why']},
    )
    with site.step("under load"), site.load():
        run = site.bluegreen("up", VERSION="broken").ended(1)
    assert "post_switch of web ended with exit code 7" in run.err
    assert "the cache is cold" in run.err
    site.serves(version)
    assert site.live()["colour"] == live
    assert (site.folder / "why").read_text() == "post_switch of web ended with exit code 7"
    assert _steps(site)["hook:on_failure:1:web"]["outcome"] == "done"
    assert site.colours() == [live]
    assert _hook_containers(site) == []


def test_what_cannot_be_taken_back_is_refused_until_it_is_forced(site: Stage) -> None:
    before = site.ask().version
    _write(
        site,
        pre_deploy=_sh("true", irreversible="drops a column"),
        on_rollback=_sh("echo $$VERSION back from $$BLUEGREEN_PREVIOUS_IMAGE_ID"),
    )
    site.up("irreversible")
    with site.step("refused, and nothing has moved"):
        run = site.bluegreen("rollback").ended(1)
        assert "drops a column can't be undone" in run.err
        assert "docker bluegreen rollback --force" in run.err
        site.serves("irreversible")
    with site.step("forced, and the release that is taken back has the last word"), site.load():
        site.bluegreen("rollback", "--force").ended(0)
    site.serves(before)
    said = _steps(site)["hook:on_rollback:1:web"]
    assert (said["outcome"], said["detail"].partition(" back from sha256:")[0]) == (
        "done",
        "irreversible",
    )


def test_a_hook_whose_command_was_killed_leaves_no_container_behind(site: Stage) -> None:
    version = site.ask().version
    _write(site, pre_switch=_sh(LONG, timeout="10m"))
    running = site.begin("up", "--progress", "plain", VERSION="killed")
    eventually(lambda: _hook_containers(site), "the hook's container")
    running.signal(signal.SIGKILL, group=True)
    running.process.wait()
    assert len(_hook_containers(site)) == 1
    _write(site)
    with site.step("the next release, under load"), site.load():
        site.up("after")
    assert _hook_containers(site) == []
    site.serves("after")
    assert version != "after"


def test_a_hook_that_hangs_is_ended_and_an_interrupt_ends_one_at_once(site: Stage) -> None:
    version = site.ask().version
    _write(site, pre_switch=_sh(LONG, timeout="2s"))
    run = site.bluegreen("up", VERSION="hangs").ended(1)
    assert "pre_switch of web did not end within 2s" in run.err
    assert "begun" in run.err
    assert _hook_containers(site) == []
    _write(site, pre_switch=_sh(LONG))
    running = site.begin("up", VERSION="interrupted")
    eventually(lambda: _hook_containers(site), "the hook's container")
    running.signal(signal.SIGINT, group=True)
    running.end().ended(130)
    assert _hook_containers(site) == []
    site.serves(version)
