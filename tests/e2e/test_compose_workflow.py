"""The user's own docker compose goes on working beside us, and takes nothing away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from testkit.sources import Sources
from testkit.stage import Stage, other, service
from testkit.waiting import eventually

pytestmark = pytest.mark.engine

ASK_WEB = """
while true; do
  python3 -c 'import urllib.request as ask
print(ask.urlopen("http://web:8080/", timeout=5).headers["X-Version"], flush=True)' || echo lost
  sleep 0.1
done
"""
"""What a worker of the project does: it asks web by its name, and says who answered."""


@pytest.fixture(scope="module")
def site(shared: Stage) -> Stage:
    """web is released; db and worker are Compose's."""
    Sources.copied(shared.folder / "sample")
    _write(shared)
    shared.up("v1")
    shared.compose("up", "--detach", "db", "worker", VERSION="v1").ended(0)
    return shared


@pytest.fixture
def untouched(site: Stage) -> Iterator[Stage]:
    """Whatever the user does, under load: the same containers serve, and nothing is lost."""

    def ours() -> dict[str, str]:
        names = site.containers(running=True)
        return {name: site.inspect(name)["State"]["StartedAt"] for name in names}

    version, before = site.ask().version, ours()
    with site.load() as load:
        yield site
    assert load.report().versions == [version]
    assert ours() == before
    with site.step("status knows of strays, and its cures work"):
        compose_containers = site.drift()
        assert {one["kind"] for one in compose_containers} <= {"stray"}
        for one in compose_containers:
            # Not through `docker`: on a new machine it does not know the plugin.
            site.bluegreen(*one["cure"].removeprefix("docker bluegreen ").split()).ended(0)
        assert not compose_containers or site.drift() == []


def _write(stage: Stage) -> None:
    built = {"build": "./sample", "image": f"{stage.project}-web"}
    stage.write(
        web=service(f"{stage.port}:8080", depends_on=["db"], volumes=["data:/data"], **built),
        db=other(),
        worker=other(ASK_WEB),
        top={"volumes": {"data": {}}},
    )


@pytest.mark.parametrize(
    ("words", "environment"),
    [
        pytest.param("up --detach", {}, id="up"),
        pytest.param("up --detach --remove-orphans", {}, id="up --remove-orphans"),
        pytest.param(
            "up --detach", {"COMPOSE_REMOVE_ORPHANS": "true"}, id="COMPOSE_REMOVE_ORPHANS"
        ),
        pytest.param("pull", {}, id="pull"),
        pytest.param("restart --timeout 1 db", {}, id="restart"),
    ],
)
def test_a_command_of_the_users_own(
    words: str, environment: dict[str, str], untouched: Stage
) -> None:
    """It may fail, for web's port is taken; the site may not."""
    untouched.compose(*words.split(), VERSION="compose", **environment)


def test_a_build_of_the_users_own_is_not_released(untouched: Stage) -> None:
    tag = f"{untouched.project}-web"
    before = untouched.image(tag)
    Sources(untouched.folder / "sample").greet("built by compose")
    untouched.compose("build").ended(0)
    assert untouched.image(tag) not in {None, before}


def test_down_leaves_the_site(untouched: Stage) -> None:
    untouched.compose("down", "--timeout", "1")
    assert untouched.containers(ours=False) == []
    untouched.compose("up", "--detach", "db", "worker").ended(0)


@pytest.mark.parametrize("where", ["environment", ".env"])
def test_our_own_compose_does_not_hear_of_remove_orphans(where: str, site: Stage) -> None:
    """To the file of one colour, the other colour and the proxy are orphans."""
    environment = {"COMPOSE_REMOVE_ORPHANS": "true"} if where == "environment" else {}
    file = site.folder / ".env"
    file.write_text("" if environment else "COMPOSE_REMOVE_ORPHANS=true\n")
    version = f"orphans-{where.strip('.')}"
    try:
        with site.load():
            site.up(version, **environment)
    finally:
        file.unlink()
    site.serves(version)


def test_a_worker_follows_the_switch(site: Stage) -> None:
    worker = f"{site.project}-worker-1"

    def hears(version: str) -> bool:
        return site.docker("logs", "--tail", "1", worker) == version

    for version in ("there", "and-back"):
        with site.step(f"release {version}"):
            site.up(version)
            eventually(partial(hears, version), f"{version} at the worker")
    with site.step("it was never without an answer"):
        assert "lost" not in site.docker("logs", worker)


@pytest.mark.parametrize("compose", ["2", "5"])
def test_compose_finds_our_networks_and_volumes_its_own(
    compose: str, stages: Callable[..., Any]
) -> None:
    with stages(compose=compose) as stage:
        Sources.copied(stage.folder / "sample")
        _write(stage)
        with stage.step("they are made by the first release"):
            stage.up("v1")
            names = [f"{stage.project}_default", f"{stage.project}_data"]
            before = [stage.inspect(name) for name in names]
            marked = "com.docker.compose.project"
            assert [one["Labels"][marked] for one in before] == [stage.project] * 2
        with stage.step("compose neither complains of them nor makes them anew"):
            run = stage.compose("up", "--detach", "db", "worker").ended(0)
            for complaint in ("already exists", "not created", "recreat", "warn"):
                assert complaint not in run.err.lower()
            after = [stage.inspect(name) for name in names]
            assert [one["Labels"] for one in after] == [one["Labels"] for one in before]
            assert [one.get("Id") for one in after] == [one.get("Id") for one in before]
        with stage.step("and removes them at its down, once we are down"):
            stage.bluegreen("down").ended(0)
            stage.compose("down", "--volumes", "--timeout", "1").ended(0)
            assert stage.named("network") == []
            assert stage.named("volume") == [f"{stage.companion}_history"]


def test_taking_over_from_a_plain_compose_project(stage: Stage) -> None:
    plain = service(f"{stage.port}:8080", container_name=f"{stage.project}-mine")
    stage.write(web=plain)
    with stage.step("the user's own serves"):
        stage.compose("up", "--detach", VERSION="plain").ended(0)
        eventually(lambda: _answers(stage), "the user's own container")
    with stage.step("without --take-over nothing moves"), stage.load() as load:
        run = stage.bluegreen("up", VERSION="v1").ended(1)
        assert "--take-over" in run.err
        assert f"{stage.project}-mine" in run.err
        assert stage.containers() == []
    assert load.report().versions == ["plain"]
    with stage.step("a release that is never healthy costs nothing"), stage.load() as load:
        run = stage.bluegreen(
            "up", "--take-over", "--timeout", "1s", VERSION="bad", NEVER_START="1"
        ).ended(1)
        assert "not healthy" in run.err
        assert stage.containers() == []
    assert load.report().versions == ["plain"]
    with stage.step("with it, ours serves, and no stray is left"):
        run = stage.bluegreen("up", "--take-over", VERSION="v1").ended(0)
        assert "downtime:" in run.err
        stage.serves("v1")
        assert stage.containers(ours=False) == []
        assert stage.drift() == []
    with stage.step("from now on without a gap"), stage.load():
        stage.up("v2")


def _answers(stage: Stage) -> bool:
    try:
        return stage.ask().status == 200
    except OSError:
        return False


def test_a_stray_is_drift_with_its_cure(stage: Stage) -> None:
    """Without published ports nothing keeps compose from starting a web of its own."""
    stage.write(web=service(expose=["8080"]))
    stage.up("v1")
    assert stage.drift() == []
    stage.compose("up", "--detach", VERSION="stray").ended(0)
    with stage.step("status says so"):
        (drift,) = stage.drift()
        assert drift["kind"] == "stray"
        assert f"{stage.project}-web-1" in drift["cause"]
        assert drift["cure"] == "docker bluegreen repair"
    with stage.step("its cure helps"):
        stage.bluegreen("repair").ended(0)
        assert stage.drift() == []
