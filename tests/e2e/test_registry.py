"""Images from a registry: released by digest, pulled again by it, pulled anew on demand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.registry import Registry, running
from testkit.stage import Stage, service

pytestmark = pytest.mark.engine


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with running(tmp_path) as registry:
        yield registry


def _plain(stage: Stage) -> None:
    """The version is in the image here, not in the shell."""
    stage.write(web=service(f"{stage.port}:8080", environment={}))


def test_a_digest_is_released_and_pulled_again_by_rollback(
    stage: Stage, registry: Registry
) -> None:
    _plain(stage)
    first, second = (registry.push(stage, name, name) for name in ("v1", "v2"))
    assert first.startswith(f"{registry.repository}@sha256:")
    with stage.step("release one by its digest, and another"):
        stage.bluegreen("up", "--image", first).ended(0)
        stage.serves("v1")
        stage.bluegreen("up", "--image", second).ended(0)
        stage.serves("v2")
    with stage.step("history has the digests"):
        assert [one["repo_digest"] for one in stage.history()] == [second, first]
        assert [one["image"] for one in stage.history()] == [second, first]
    with stage.step("the image of the first goes, and every name of it"):
        registry.forget(stage, first)
    with stage.step("no registry in reach: it says so, and v2 serves on"), stage.load() as load:
        registry.stop()
        run = stage.bluegreen("rollback").ended(1)
        assert "connection refused" in run.err
    assert load.report().versions == ["v2"]
    with stage.step("the registry is back: pulled again by its digest"), stage.load():
        registry.start()
        run = stage.bluegreen("rollback").ended(0)
        assert f"pull {first}" in run.err
        stage.serves("v1")
    with stage.step("forward again, with no registry: the image is here still"):
        registry.stop()
        stage.bluegreen("rollback", "--to", "2").ended(0)
        stage.serves("v2")


def test_a_tag_that_moved_is_pulled_only_on_demand(stage: Stage, registry: Registry) -> None:
    reference = f"{registry.repository}:latest"
    stage.write(web=service(f"{stage.port}:8080", environment={}, image=reference))
    with stage.step("the engine does not have it, so it is pulled"):
        registry.push(stage, "latest", "v1")
        stage.bluegreen("up").ended(0)
        stage.serves("v1")
        serving = stage.live()["image_id"]
    with stage.step("somebody pushes another one, from another machine"):
        registry.push(stage, "latest", "v2")
        stage.docker("tag", serving, reference)
    with stage.step("without --pull nothing has changed"):
        run = stage.bluegreen("up").ended(0)
        assert "nothing changed" in run.err
        stage.serves("v1")
        assert len(stage.history()) == 1
    with stage.step("with it, the new one is released"), stage.load():
        stage.bluegreen("up", "--pull").ended(0)
        stage.serves("v2")
