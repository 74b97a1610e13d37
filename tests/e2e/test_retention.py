"""Many releases leave no more behind than few, and a prune by hand costs what it says."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from compose_bluegreen.adapters.haproxy.proxy_image import image
from compose_bluegreen.domain.topology import Topology
from testkit.own_engine import OwnEngine
from testkit.sources import SAMPLE
from testkit.stage import Model, Stage, service
from testkit.waiting import eventually

pytestmark = pytest.mark.engine

RELEASES, KEEP = 8, 3


def _built(stage: Stage, **settings: Any) -> None:
    """Each release is an image of its own, and each container has a volume without a name."""
    own: Model = {"health": {"path": "/healthz"}, "keep": KEEP} | settings
    stage.write(web=service(f"{stage.port}:8080", build="./src", image="", **{"x-bluegreen": own}))


def _source(stage: Stage, number: int) -> None:
    folder = stage.folder / "src"
    folder.mkdir(exist_ok=True)
    (folder / "Dockerfile").write_text(f"FROM {SAMPLE}\nLABEL number={number}\nVOLUME /scratch\n")


def _stray(stage: Stage, name: str) -> str:
    """The id of an image of the test's own: what a container of another runs is no surplus."""
    folder = stage.folder / "stray"
    folder.mkdir(exist_ok=True)
    (folder / "Dockerfile").write_text(f"FROM {SAMPLE}\nLABEL of={stage.project}\n")
    return stage.docker("build", "--quiet", "--tag", name, str(folder)).strip()


def _anonymous_volume(stage: Stage, live: Model) -> str:
    mounts = stage.inspect(live["containers"][0]["name"])["Mounts"]
    (found,) = [one["Name"] for one in mounts if one["Destination"] == "/scratch"]
    return str(found)


def test_many_releases_leave_no_more_behind_than_few(stage: Stage) -> None:
    _built(stage)
    images, volumes = [], []
    for number in range(1, RELEASES + 1):
        with stage.step(f"release {number}"):
            _source(stage, number)
            stage.up(f"v{number}")
            live = stage.live()
            images.append(str(live["image_id"]))
            volumes.append(_anonymous_volume(stage, live))
    assert len(set(images)) == RELEASES
    with stage.step("as many images as are kept"):
        assert [one for one in images if stage.image(one)] == images[-KEEP:]
    with stage.step("no volume of a container that has gone"):
        known = stage.docker("volume", "ls", "--quiet").split()
        assert [one for one in volumes if one in known] == volumes[-1:]
    with stage.step("containers, networks and volumes are those of one release"):
        assert len(stage.containers()) == 2
        assert len(stage.named("network")) == 3
        assert len(stage.named("volume")) == 2, "the proxy's, and history's journal"
    with stage.step("the state folder is history, and nothing that grows"):
        state = stage.folder.parent / "state" / "compose-bluegreen"
        left = sorted(str(one.relative_to(state)) for one in state.rglob("*") if one.is_file())
        engine = "[0-9a-f]{12}"
        names = [re.sub(rf"-{engine}\.children$", ".children", name) for name in left]
        locks = [f"run/{stage.project}.children", f"run/{stage.project}.lock"]
        assert names == ["history.db", *locks, "trusted/powers"]
    with stage.step("nor do the files there, but for history"):
        assert [(state / name).stat().st_size for name in left if name.startswith("run/")] == [0, 0]
        assert len((state / "trusted" / "powers").read_text().splitlines()) < RELEASES
    with stage.step("nothing is left to prune, and a rollback finds its image"):
        assert stage.bluegreen("prune").ended(0).out == "nothing to remove\n"
        stage.bluegreen("rollback").ended(0)
        stage.serves(f"v{RELEASES - 1}")


def test_what_is_kept_can_be_let_go_by_hand(stage: Stage) -> None:
    _built(stage)
    for number in (1, 2):
        _source(stage, number)
        stage.up(f"v{number}")
    kept = f"bluegreen/{stage.project}/web"
    with stage.step("somebody kept a third, and a release failed"):
        _source(stage, 3)
        stage.bluegreen(
            "up", "--timeout", "1s", "--keep-failed", VERSION="v3", NEVER_START="1"
        ).ended(1)
        _stray(stage, f"{kept}:stray1")
        _stray(stage, f"{kept}:stray2")
    (failed,) = stage.docker(
        "images", "--format", "{{.Repository}}:{{.Tag}}", f"{kept}:failed-*"
    ).split()
    _built(stage, keep=2)
    _source(stage, 2)
    stage.up("v2", "--force")
    with stage.step("a dry run says what would go"):
        stray = _stray(stage, f"{kept}:stray3")
        run = stage.bluegreen("prune", "--dry-run").ended(0)
        assert f"would remove: {kept}:stray3" in run.out
        assert f"kept: {failed}: --failed removes it" in run.out
        assert stage.image(f"{kept}:stray3")
    with stage.step("and then it goes"), stage.load():
        run = stage.bluegreen("prune", "--failed").ended(0)
        assert f"removed: {kept}:stray3" in run.out
        assert f"removed: {failed}" in run.out
        assert [one for one in (stray, failed) if stage.image(one)] == []
    with stage.step("what rollback needs has stayed"):
        stage.bluegreen("rollback", "--to", "1").ended(0)
        stage.serves("v1")


def test_a_prune_of_all_costs_the_rollback_and_is_told(
    stages: Callable[..., Any], daemon: OwnEngine
) -> None:
    """On an engine of its own, because a prune of all takes what every project there needs."""
    with stages() as stage:
        stage.environment["DOCKER_HOST"] = daemon.host
        _built(stage)
        for number in (1, 2):
            _source(stage, number)
            stage.up(f"v{number}")
        with stage.step("somebody makes room, volumes and all"):
            before = stage.named("network"), stage.named("volume"), stage.containers()
            stage.docker("system", "prune", "--all", "--force", "--volumes")
            assert (stage.named("network"), stage.named("volume"), stage.containers()) == before
            stage.serves("v2", host=daemon.address)
        with stage.step("status says what it cost, and rollback is refused"):
            # The one that runs stays, but the name that keeps it was not spared.
            assert {one["kind"] for one in stage.drift()} == {"image_unnamed", "rollback_gone"}
            stage.bluegreen("repair").ended(4)
            assert [one["kind"] for one in stage.drift()] == ["rollback_gone"]
            assert stage.status()["services"][0]["rollback_image"] == "gone"
            assert "1 (gone)" in stage.bluegreen("status").ended(0).out
            assert "no registry has it" in stage.bluegreen("rollback").ended(1).err
            stage.serves("v2", host=daemon.address)
        with stage.step("the next release goes as ever"):
            daemon.borrow((SAMPLE,))
            _source(stage, 3)
            stage.up("v3")
            stage.bluegreen("rollback").ended(0)
            stage.serves("v2", host=daemon.address)
        with stage.step("and while all of it is stopped"):
            stage.docker("stop", *stage.containers())
            stage.docker("system", "prune", "--all", "--force", "--volumes")
            assert (stage.named("volume"), stage.containers()) == ([], [])
            daemon.borrow((SAMPLE, image(Topology("any"))))
            stage.up("v4")
            eventually(lambda: stage.ask(host=daemon.address).version == "v4", "v4")
            assert [one["kind"] for one in stage.drift()] == ["rollback_gone"]
        stage.bluegreen("down").ended(0)
