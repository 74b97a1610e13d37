"""A registry of images, on loopback."""

from __future__ import annotations

import shutil
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from testkit.sources import SAMPLE
from testkit.stage import Stage, free_port
from testkit.waiting import eventually


@contextmanager
def running(folder: Path) -> Iterator[Registry]:
    assert shutil.which("docker-registry"), (
        "docker-registry is missing; scripts/apt docker-registry"
    )
    registry = Registry(folder, free_port())
    registry.start()
    try:
        yield registry
    finally:
        registry.stop()


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
        # The label makes the image this registry's own: `forget` takes away every name of it, and
        # a test beside this one may have built the same version.
        (context / "Dockerfile").write_text(
            f"FROM {SAMPLE}\nENV VERSION={version}\nLABEL test.registry={self.repository}\n"
        )
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
