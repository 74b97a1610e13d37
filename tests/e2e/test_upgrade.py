"""This version takes over a host from the release 78b6a6f, under load, and loses no request.

Each scenario begins with the old release and goes on with this checkout, on the same engine, with
the same project and state folder. The proxy stays the same container.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from testkit import postgres
from testkit.checkout import ROOT
from testkit.commands import Run
from testkit.old_release import KEY, Host, read_json
from testkit.sources import Sources

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def old_program() -> Path:
    built = subprocess.run(
        [ROOT / "scripts" / "old-wheel"], capture_output=True, text=True, check=False
    )
    if built.returncode:
        pytest.fail(f"the old release can't be installed:\n{built.stderr}", pytrace=False)
    return Path(built.stdout.strip())


@pytest.fixture
def host(stages: Callable[..., Any], old_program: Path) -> Iterator[Host]:
    with stages() as stage:
        yield Host(stage, old_program)


# ── releases ─────────────────────────────────────────────────────────────────────────────


def test_releases_and_rollbacks_continue_the_history_of_the_old_version(host: Host) -> None:
    stage = host.stage
    sources = Sources.copied(stage.folder / "sample")
    tag = f"{stage.project}-web:latest"
    host.write(web={"build": "./sample", "image": tag, "depends_on": ["db"]})
    images = {}

    def up(by: Callable[..., Run], version: str) -> None:
        with stage.step(f"release {version}"):
            sources.greet(version)
            by(version, "--message", f"„{version}“ is 100 % new")
            stage.serves(version)
            images[version] = host.image()

    up(host.up, "v1")
    with host.under_load() as load:
        up(host.up, "v2")
        with stage.step("one that fails"):
            host.bluegreen("up", "--timeout", "1s", VERSION="bad", NEVER_START="1").ended(1)
        with stage.step("both versions give the same answers"):
            status = host.same_answers(host.answers())
            assert {one["live"]["deployment"] for one in status["services"]} == {2}
        with stage.step("nothing has changed, so up releases nothing"):
            stage.up("v2")
            assert (host.newest()["id"], stage.drift()) == (3, [])
        up(stage.up, "v3")
        for version, deployment in (("v2", 2), ("v1", 1)):
            with stage.step(f"roll back to {version}, which the old version released"):
                stage.bluegreen("rollback").ended(0)
                stage.serves(version)
                assert host.image() == images[version]
                assert host.api() == version
                assert host.newest()["restores"] == deployment
        host.is_clean()
    assert load.report().versions == ["v1", "v2", "v3"]
    assert len(set(images.values())) == 3

    with host.under_load():
        with stage.step("the old version, on this machine and on another"):
            host.old_copes("older")
            host.old_copes("oldest", **host.lost)
        up(stage.up, "v4")
        host.is_clean()


# ── a waiting release ───────────────────────────────────────────────────────────────────────────────


def test_a_waiting_release_of_the_old_version_is_promoted(host: Host) -> None:
    stage = host.stage
    host.write()
    host.up("v1")
    with host.under_load() as load:
        host.up("v2", "--no-switch", "--message", "for Monday")
        with stage.step("status shows it"):
            waiting = host.same_answers(host.answers())["waiting"]
            assert (waiting["deployment"], waiting["message"]) == (2, "for Monday")
            assert waiting["since"] >= stage.show(2)["started_at"]
        with stage.step("the preview key and the preview port lead to it"):
            stage.serves("v1")
            stage.serves("v2", headers={"X-Bluegreen": KEY})
            stage.serves("v2", port=host.preview)
        stage.bluegreen("promote").ended(0)
        stage.serves("v2")
        assert host.api() == "v2"
        assert [one["state"] for one in stage.history()] == ["live", "superseded"]
        host.is_clean()
        with stage.step("roll back"):
            stage.bluegreen("rollback").ended(0)
            stage.serves("v1")
    assert load.report().versions == ["v1", "v2"]


def test_a_machine_without_local_history_reads_the_old_journal_and_aborts(host: Host) -> None:
    stage = host.stage
    host.write()
    host.up("v1", "--message", "the first")
    with host.under_load() as load:
        host.up("v2")
        host.up("v3", "--no-switch")
        with stage.step("the engine has the whole history"):
            host.same_answers(host.answers(), **host.lost)
        with stage.step("abort removes the waiting release"):
            stage.bluegreen("abort", **host.lost).ended(0)
            newest = host.newest(**host.lost)
            assert (newest["id"], newest["state"]) == (3, "interrupted")
            host.is_clean()
            assert stage.status()["waiting"] is None
        with stage.step("roll back"):
            stage.bluegreen("rollback", **host.lost).ended(0)
            stage.serves("v1")
            assert host.api() == "v1"
        with stage.step("the first machine has the same history"):
            assert stage.history() == read_json(
                stage.bluegreen("history", "--format", "json", **host.lost).ended(0)
            )
    assert load.report().versions == ["v1", "v2"]


# ── hooks and standby ──────────────────────────────────────────


def test_rollback_respects_an_irreversible_hook_and_reuses_the_standby_of_the_old_version(
    host: Host,
) -> None:
    stage = host.stage
    host.write(standby="10m")
    host.up("v1")
    standby = stage.inspect(stage.container("blue"))["Id"]
    migrate = {"run": ["sh", "-c", "true"], "irreversible": "drops a column"}
    host.write(standby="10m", hooks={"pre_deploy": migrate})
    with host.under_load() as load:
        host.up("v2")
        status = host.same_answers(host.answers())
        unsafe = {one["service"]: one["rollback_unsafe"] for one in status["services"]}
        assert "drops a column" in unsafe["web"]
        with stage.step("refused, also on a machine without local history"):
            for environment in ({}, host.lost):
                refused = stage.bluegreen("rollback", **environment).ended(1)
                assert "drops a column" in refused.err
                assert "--force" in refused.err
            stage.serves("v2")
        with stage.step("forced, it switches to the standby container"):
            stage.bluegreen("rollback", "--force").ended(0)
            stage.serves("v1")
            assert stage.inspect(stage.container("blue"))["Id"] == standby
    assert load.report().versions == ["v1", "v2"]


# ── a release under way ──────────────────────────────────────────────────────────────────────────


def test_an_old_release_under_way_keeps_its_lock_and_ends_while_this_version_looks_on(
    host: Host,
) -> None:
    stage = host.stage
    host.write()
    host.up("v1")
    with host.under_load() as load:
        running = host.begin_up("wait until ", "v2", START_DELAY="8")
        with stage.step("this version sees its lock and its step, and respects the lock"):
            holder = read_json(stage.bluegreen("lock", "status", "--format", "json"))["holder"]
            under_way = stage.status()["under_way"]
            assert (under_way["deployment"], under_way["step"][:11]) == (2, "wait until ")
            assert holder.items() <= under_way.items()
            assert holder["actor"] in stage.bluegreen("up", VERSION="v3").ended(5).err
        running.end().ended(0)
        stage.serves("v2")
        assert [one["state"] for one in stage.history()] == ["live", "superseded"]
        shown = stage.show(2)
        assert shown["steps"][-1]["outcome"] == "done"
        with stage.step("the engine has the same steps"):
            elsewhere = stage.bluegreen("show", "2", "--format", "json", **host.lost)
            assert read_json(elsewhere.ended(0)) == shown
        stage.bluegreen("rollback").ended(0)
        stage.serves("v1")
        host.is_clean()
    assert load.report().versions == ["v1", "v2"]


def test_up_removes_an_old_release_that_was_killed_before_its_switch(host: Host) -> None:
    stage = host.stage
    host.write()
    host.up("v1")
    with host.under_load() as load:
        host.kill(host.begin_up("wait until ", "v2", START_DELAY="600"))
        stage.up("v3")
        stage.serves("v3")
        assert host.api() == "v3"
        assert stage.show(2)["state"] == "interrupted"
        host.is_clean()
    assert load.report().versions == ["v1", "v3"]


@pytest.mark.parametrize(
    ("command", "serves", "state"),
    [("up", "v3", "superseded"), ("abort", "v1", "interrupted")],
    ids=["then-up", "then-abort"],
)
def test_up_keeps_an_old_release_that_was_killed_after_its_switch_and_abort_switches_back(
    host: Host, command: str, serves: str, state: str
) -> None:
    stage = host.stage
    host.write(bake={"time": "5m", "p95": "off"})
    host.up("v1", "--no-bake")
    with host.under_load() as load:
        host.kill(host.begin_up("bake ", "v2"))
        stage.serves("v2")
        words = ("up", "--no-bake") if command == "up" else (command,)
        stage.bluegreen(*words, VERSION="v3").ended(0)
        stage.serves(serves)
        assert host.api() == serves
        assert stage.show(2)["state"] == state
        host.is_clean()
    assert load.report().versions == list(dict.fromkeys(["v1", "v2", serves]))


def test_abort_takes_the_traffic_from_an_old_release_that_was_killed_in_its_canary(
    host: Host,
) -> None:
    stage = host.stage
    host.write(canary={"steps": "50%:10m", "sticky": True}, bake={"p95": "off"})
    host.up("v1")
    with host.under_load(split=True):
        host.kill(host.begin_up("send 50% to ", "v2"))
        stage.bluegreen("abort").ended(0)
        assert stage.show(2)["state"] == "interrupted"
        assert {stage.ask().version for _ in range(50)} == {"v1"}
        host.is_clean()


# ── PostgreSQL ───────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    with postgres.running() as found:
        yield found


def test_a_history_in_postgresql_is_taken_over(host: Host, server: postgres.Server) -> None:
    stage = host.stage
    server.run("CREATE DATABASE upgrade")
    stage.environment["BLUEGREEN_DATABASE_URL"] = server.url("upgrade")
    host.write()
    host.up("v1")
    with host.under_load() as load:
        host.up("v2", "--message", "the second")
        host.up("v3", "--no-switch")
        host.same_answers(host.answers())
        stage.bluegreen("promote").ended(0)
        stage.serves("v3")
        stage.bluegreen("rollback").ended(0)
        stage.serves("v2")
        assert host.newest()["restores"] == 2
        host.is_clean()
        host.old_copes("older")
    assert load.report().versions[:3] == ["v1", "v2", "v3"]
