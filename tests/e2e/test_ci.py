"""The pipelines of docs/how-to/pipelines.md, their own scripts run on the engine; and what a webhook hears of it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from doctools.pages import pipelines
from testkit.listener import Listener, listening
from testkit.load.linearizability import Switching
from testkit.stage import Model, Stage, service

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    with listening() as one:
        yield one


@pytest.fixture(scope="module")
def site(stages: Callable[..., Any], listener: Listener) -> Iterator[Stage]:
    with stages(plugin=True) as stage:
        stage.write(
            web=service(f"{stage.port}:8080"), top={"x-bluegreen": {"notify": listener.address}}
        )
        stage.up("v1")
        yield stage


def _github(name: str) -> str:
    steps: list[Model] = pipelines()[0]["jobs"]["release"]["steps"]
    return str(next(step["run"] for step in steps if step.get("name") == name))


def _gitlab(job: str) -> str:
    return "\n".join(pipelines()[1][job]["script"])


def _run(stage: Stage, script: str, **environment: str) -> str:
    """As both runners do; what it says."""
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=stage.folder,
        env={**stage.environment, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stderr}{done.stdout}"
    assert "hush" not in done.stdout + done.stderr, "where notices go is nobody's business"
    return done.stdout


def test_a_pipeline_releases_and_takes_back_what_looks_bad_from_outside(
    site: Stage, listener: Listener
) -> None:
    with site.load(also=[Switching(time.monotonic())]):
        _run(site, _github("release"), VERSION="v2", SUBJECT="greets\n\nin Portuguese")
        site.serves("v2")
        said = _run(site, _github("undo the release"))
    site.serves("v1")
    assert "takes back 2, restores 1" in said
    newest, released, *_ = site.history()
    assert (newest["kind"], newest["message"]) == ("rollback", "the check of 2 from outside failed")
    assert released["message"] == "greets"
    assert "rollback to 1" in _run(site, _github("show the result"))
    with site.step("by hand it goes to the one that is named"):
        _run(site, _github("roll back"), TO="2")
        site.serves("v2")
    heard = [(body["event"], body["deployment"]["id"]) for _, _, body in listener.heard]
    assert heard == [("released", 1), ("released", 2), ("rolled_back", 3), ("rolled_back", 4)]


def test_the_other_pipeline_does_so_too(site: Stage) -> None:
    before = site.ask().version
    _run(site, _gitlab("release"), VERSION="v3", CI_COMMIT_TITLE="greets")
    site.serves("v3")
    _run(site, _gitlab("undo the release"))
    site.serves(before)


def test_what_fails_is_answered_and_told_and_a_deaf_webhook_is_no_failure(
    site: Stage, listener: Listener
) -> None:
    version = site.ask().version
    with site.step("a release that fails answers on stdout too, and is told of"):
        listener.heard.clear()
        run = site.bluegreen(
            *("up", "--timeout", "1s", "--format", "json"), VERSION="bad", NEVER_START="1"
        ).ended(1)
        assert '"state": "failed"' in run.out
        ((_, _, body),) = listener.heard
        assert (body["event"], body["deployment"]["state"]) == ("failed", "failed")
        assert "not healthy within 1s" in body["text"]
    with site.step("nobody is there to be told: a warning, without the address"):
        listener.answers = [500]
        run = site.up(f"{version}b")
        assert "the webhook did not receive the result of deployment" in run.err
        assert "hush" not in run.err + run.out
        assert "live after" in run.out
    with site.step("nor is it in history or on the engine"):
        assert "hush" not in site.bluegreen("history", "--format", "json").ended(0).out
        script = "cat /var/lib/bluegreen-history/* /var/lib/bluegreen/* 2>/dev/null || true"
        assert "hush" not in site.in_the_proxy(script)
        state = site.folder.parent / "state"
        files = [one for one in state.rglob("*") if one.is_file() and os.access(one, os.R_OK)]
        assert [str(one) for one in files if b"token=hush" in one.read_bytes()] == []
