"""Images from a registry: released by digest, pulled again by it, pulled anew on demand."""

from __future__ import annotations

import shutil
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from testkit.stage import SAMPLE, Stage, eventually, free_port, service

pytestmark = pytest.mark.engine


@dataclass(slots=True)
class Registry:
    """Debian's, on loopback: there Docker asks for no certificate."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def repository(self) -> str:
        return f"localhost:{self.port}/shop"

    def start(self) -> None:
        config = self.folder / "config.yml"
        config.write_text(
            "version: 0.1\n"
            f"storage: {{filesystem: {{rootdirectory: {self.folder}/data}}}}\n"
            f"http: {{addr: '127.0.0.1:{self.port}'}}\n"
        )
        with (self.folder / "log").open("wb") as log:
            command = ("docker-registry", "serve", str(config))
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        eventually(self.answers, "the registry")

    def answers(self) -> bool:
        with (
            suppress(OSError),
            urllib.request.urlopen(f"http://localhost:{self.port}/v2/", timeout=5) as said,
        ):
            return bool(said.status == 200)
        return False

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def push(self, stage: Stage, name: str, version: str) -> str:
        """Builds that version, pushes it under that name, and forgets it; its digest's name."""
        reference = f"{self.repository}:{name}"
        context = stage.folder / version
        context.mkdir(exist_ok=True)
        (context / "Dockerfile").write_text(f"FROM {SAMPLE}\nENV VERSION={version}\n")
        stage.docker("build", "--quiet", "--tag", reference, str(context))
        stage.docker("push", "--quiet", reference)
        form = "{{index .RepoDigests 0}}"
        digest = stage.docker("image", "inspect", "--format", form, reference)
        self.forget(stage, digest)
        return digest

    def forget(self, stage: Stage, reference: str) -> None:
        """Every name of that image here, and the image."""
        image = stage.image(reference)
        assert image
        stage.docker("rmi", "--force", image)
        assert stage.image(reference) is None


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    if not shutil.which("docker-registry"):
        message = "docker-registry is missing\nnext: scripts/apt docker-registry"
        pytest.fail(message, pytrace=False)
    registry = Registry(tmp_path, free_port())
    registry.start()
    try:
        yield registry
    finally:
        registry.stop()


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
