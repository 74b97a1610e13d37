"""A release that fails: exit code 1, the reason in message and history, and nobody noticed."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from testkit.commands import Run
from testkit.sources import Sources
from testkit.stage import Model, Stage, other, service

pytestmark = pytest.mark.engine


class Shop:
    """A service that is built here, and serves."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.tag = f"{stage.project}-shop:latest"
        self.sources = Sources.copied(stage.folder / "sample")

    def open(self) -> None:
        self.write()
        self.stage.up("hello")

    def write(self, **changes: Any) -> None:
        self.stage.write(web=self.service(**changes))

    def service(self, **changes: Any) -> Model:
        return service(f"{self.stage.port}:8080", build="./sample", image=self.tag) | changes

    @contextmanager
    def with_other(self, **changes: Any) -> Iterator[None]:
        """For the time of one release."""
        self.write(**changes)
        try:
            yield
        finally:
            self.write()

    def fails(self, *words: str, because: str, **environment: str) -> tuple[Run, Model]:
        """A release beside the one that must not notice; what it said and what history says."""
        stage = self.stage
        serving, image = stage.ask().version, stage.image(self.tag)
        with stage.step("the release fails, under load"), stage.load() as load:
            run = stage.bluegreen("up", *words, VERSION="broken", **environment).ended(1)
        with stage.step("it says why"):
            assert because in run.err
        with stage.step("nobody noticed"):
            assert load.report().versions == [serving]
            assert len(stage.colours()) == 1
            assert stage.image(self.tag) == image
        with stage.step("history says why too"):
            (record, *_) = stage.history("--limit", "1")
            assert record["state"] == "failed"
            assert because in record["reason"]
        return run, record


@pytest.fixture(scope="module")
def shop(shared: Stage) -> Shop:
    shop = Shop(shared)
    shop.open()
    return shop


def test_a_release_that_never_gets_healthy(shop: Shop) -> None:
    stage = shop.stage
    shop.sources.greet("never seen")
    run, record = shop.fails(
        "--timeout", "2s", because="was not healthy within 2s", NEVER_START="1"
    )
    with stage.step("the last log lines are in the message"):
        assert "will listen after" in run.err
    with stage.step("the broken image is gone, and its name is the serving one's"):
        assert record["image_id"].startswith("sha256:")
        assert stage.image(record["image_id"]) is None
        assert stage.image(shop.tag) == stage.live()["image_id"]
    with stage.step("show has every step, and the log"):
        steps = {step["key"]: step for step in stage.show(record["id"])["steps"]}
        waited = steps["health"]
        assert waited["outcome"] == "failed"
        assert waited["duration_s"] >= 2
        assert "will listen after" in waited["detail"]
        assert steps["undo:start"]["outcome"] == "undone"
        assert "switch" not in steps
    with stage.step("all is as before"):
        assert stage.drift() == []


def test_a_release_that_crashes_in_a_loop(shop: Shop) -> None:
    run, _ = shop.fails("--timeout", "60s", because="crashed 3 times", CRASH_AFTER="0")
    assert "crashing, as CRASH_AFTER says" in run.err


def test_a_release_that_docker_finds_unhealthy(shop: Shop) -> None:
    check = {"test": ["CMD", "/app/healthcheck"], "interval": "300ms", "retries": 2}
    with shop.with_other(healthcheck=check, **{"x-bluegreen": {}}):
        shop.fails("--timeout", "60s", because="is unhealthy", SICK_AFTER="0")


def test_a_release_whose_build_fails(shop: Shop) -> None:
    dockerfile = shop.sources.dockerfile
    before = dockerfile.read_text()
    dockerfile.write_text(f"{before}COPY no-such-file /\n")
    try:
        run, _ = shop.fails(because="docker compose build web failed")
    finally:
        dockerfile.write_text(before)
    assert "no-such-file" in run.err


def test_an_image_that_cannot_be_pulled(shop: Shop) -> None:
    image = "localhost:1/nobody/has:this"
    run, _ = shop.fails("--image", image, because=f"docker pull {image} failed")
    assert "connection refused" in run.err


def test_a_command_that_the_image_does_not_have(shop: Shop) -> None:
    with shop.with_other(command=["/no/such/program"]):
        run, _ = shop.fails(because="docker compose up web-")
    assert "/no/such/program" in run.err


def test_a_dependency_that_fails(shop: Shop) -> None:
    wanted = {"migration": {"condition": "service_completed_successfully"}}
    shop.stage.write(
        web=shop.service(depends_on=wanted),
        migration=other("echo no such table; exit 7"),
    )
    try:
        run, _ = shop.fails(because="exit code 7")
    finally:
        shop.write()
    assert "no such table" in run.err


def test_lines_that_haproxy_does_not_accept(shop: Shop) -> None:
    proxy = {"proxy": {"snippets": {"frontend": "gibberish here"}}}
    shop.stage.write(top={"x-bluegreen": proxy}, web=shop.service())
    try:
        run, _ = shop.fails(because="HAProxy doesn't accept the configuration")
    finally:
        shop.write()
    assert "unknown keyword 'gibberish'" in run.err


def test_keeping_the_failed_image_says_its_name(shop: Shop) -> None:
    stage = shop.stage
    shop.sources.greet("kept")
    run, record = shop.fails(
        "--timeout", "1s", "--keep-failed", because="not healthy", NEVER_START="1"
    )
    image = record["image_id"]
    name = f"bluegreen/{stage.project}/web:failed-{image.removeprefix('sha256:')[:12]}"
    assert name in run.err
    assert stage.image(name) == image


def test_the_next_release_succeeds_all_the_same(shop: Shop) -> None:
    stage = shop.stage
    shop.sources.greet("ola")
    with stage.load():
        stage.up("ola")
        stage.serves("ola")
    assert stage.ask().body.startswith(b"ola")


def test_a_first_release_that_fails_leaves_nothing(stage: Stage) -> None:
    tag = f"{stage.project}-shop:latest"
    Sources.copied(stage.folder / "sample")
    stage.write(web=service(f"{stage.port}:8080", build="./sample", image=tag))
    with stage.step("the very first is never healthy"):
        run = stage.bluegreen("up", "--timeout", "1s", VERSION="v1", NEVER_START="1").ended(1)
        assert "not healthy within 1s" in run.err
    _nothing_is_left(stage, because="not healthy within 1s")
    with stage.step("its image neither"):
        assert stage.image(tag) is None


def test_a_port_that_somebody_else_has(stage: Stage) -> None:
    stage.write(web=service(f"{stage.port}:8080"))
    somebody = socket.create_server(("0.0.0.0", stage.port))  # noqa: S104 - as Docker will
    with closing(somebody), stage.step("it is taken"):
        run = stage.bluegreen("up", VERSION="v1").ended(1)
        assert f"0.0.0.0:{stage.port}" in run.err
    _nothing_is_left(stage, because="starting the proxy failed")
    with stage.step("it is free again"):
        stage.up("v1")
        stage.serves("v1")


def _nothing_is_left(stage: Stage, because: str) -> None:
    with stage.step("nothing of ours is left"):
        assert stage.containers() == []
        assert stage.named("network") == [f"{stage.project}_default"], "as compose would make it"
        assert stage.named("volume") == [f"{stage.companion}_history"]
    with stage.step("but the record"):
        (record,) = stage.history()
        assert record["state"] == "failed"
        assert because in record["reason"]
