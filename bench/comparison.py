"""A folder, a docker configuration and projects of the benchmark's own; nothing of it stays."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from bench.command import Command
from testkit.checkout import ROOT
from testkit.shell import environment

_PORTS = range(18400, 18500)


@dataclass(slots=True)
class Comparison:
    """``project`` is ours, released blue/green; ``plain`` the same service under Compose alone.

    ``live`` is the version that answers on ``port``.
    """

    project: str
    folder: Path
    environment: Mapping[str, str]
    image: str
    port: int
    plain_port: int
    floor_port: int
    plugin: Path
    live: str = ""
    _versions: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def plain(self) -> str:
        return f"{self.project}-plain"

    @property
    def floor(self) -> str:
        return f"{self.project}-floor"

    @property
    def state(self) -> Path:
        return Path(self.environment["XDG_STATE_HOME"])

    def new_version(self) -> str:
        return f"v{next(self._versions)}"

    # ── what is timed ────────────────────────────────────────────────────────────────────────

    def bluegreen(self, *words: str, **environment: str) -> Command:
        return self._begin("bluegreen", *words, folder=self.folder / "ours", **environment)

    def compose(self, *words: str, **environment: str) -> Command:
        return self._begin("compose", *words, folder=self.folder / "plain", **environment)

    def run(self, **environment: str) -> Command:
        """The floor: one container, and nothing around it."""
        told = [
            word for name, value in environment.items() for word in ("--env", f"{name}={value}")
        ]
        publish = f"{self.floor_port}:8080"
        words = ("run", "--detach", "--name", self.floor, "--publish", publish, *told, self.image)
        return self._begin(*words, folder=self.folder)

    def begin(self, *words: str, **environment: str) -> Command:
        """Any program."""
        return Command.begin(words, self.folder, {**self.environment, **environment})

    def seconds(self, *words: str, **environment: str) -> float:
        """That a command takes to its end, with a version of its own that starts at once."""
        version = self.new_version()
        command = self.bluegreen(*words, VERSION=version, START_DELAY="0", **environment)
        command.end()
        return command.seconds

    # ── and what is not ──────────────────────────────────────────────────────────────────────

    def release(self, delay: str) -> None:
        version = self.new_version()
        self.bluegreen("up", VERSION=version, START_DELAY=delay).end()
        self.live = version

    def last(self) -> dict[str, Any]:
        """The newest deployment, with its steps."""
        listed = self.bluegreen("history", "--limit", "1", "--format", "json").end()
        number = str(json.loads(listed)[0]["id"])
        found: dict[str, Any] = json.loads(self.bluegreen("show", number, "--format", "json").end())
        return found

    def clear_plain(self) -> None:
        self.compose("down", "--timeout", "1").end()

    def clear_floor(self) -> None:
        self.begin("docker", "rm", "--force", self.floor).end()

    def _begin(self, *words: str, folder: Path, **environment: str) -> Command:
        return Command.begin(("docker", *words), folder, {**self.environment, **environment})


@contextmanager
def opened(plugin: Path | None) -> Iterator[Comparison]:
    """``plugin`` is the console script; None takes this Python's, or makes one as pip does."""
    project = f"bgbench{os.getpid()}"
    before = set(_docker("images", "--format", "{{.Repository}}:{{.Tag}}").split())
    with tempfile.TemporaryDirectory(prefix="bgbench-") as folder:
        script = plugin.absolute() if plugin else _console_script(Path(folder))
        stage = _stage(project, Path(folder), script)
        try:
            _docker(
                "build", "--quiet", "--tag", stage.image, str(ROOT / "sample_service"), check=True
            )
            yield stage
        finally:
            _sweep(project, before)


def _stage(project: str, folder: Path, plugin: Path) -> Comparison:
    ours, plain, floor = _free_ports()
    clean = environment(folder / "state") | {"DOCKER_CONFIG": str(_configured(folder, plugin))}
    del clean["PYTHONPATH"]  # the plugin runs as it is installed
    stage = Comparison(project, folder, clean, f"{project}:latest", ours, plain, floor, plugin)
    opted_in = {"x-bluegreen": {"health": {"path": "/healthz"}, "drain_timeout": "10s"}}
    _write(folder / "ours", project, _service(stage.image, ours) | opted_in)
    _write(folder / "plain", stage.plain, _service(stage.image, plain))
    return stage


def _service(image: str, port: int) -> dict[str, Any]:
    return {
        "image": image,
        "ports": [f"{port}:8080"],
        "environment": ["VERSION", "START_DELAY"],
        "healthcheck": {
            "test": ["CMD", "/app/healthcheck"],
            "interval": "1s",
            "timeout": "2s",
            "retries": 9,
        },
    }


def _write(folder: Path, project: str, service: Mapping[str, Any]) -> None:
    folder.mkdir()
    model = {"name": project, "services": {"web": service}}
    (folder / "compose.yaml").write_text(json.dumps(model, indent=2))


def _configured(folder: Path, plugin: Path) -> Path:
    """The user's docker configuration, but for the plugin that is measured."""
    theirs = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    mine = folder / "docker"
    (mine / "cli-plugins").mkdir(parents=True)
    for place in (Path(), Path("cli-plugins")):
        for each in (theirs / place).glob("*"):
            if each.name not in {"cli-plugins", "docker-bluegreen"}:
                (mine / place / each.name).symlink_to(each.absolute())
    (mine / "cli-plugins" / "docker-bluegreen").symlink_to(plugin)
    return mine


def _console_script(folder: Path) -> Path:
    installed = Path(sysconfig.get_path("scripts"), "docker-bluegreen")
    if installed.exists():
        return installed
    made = folder / "docker-bluegreen"
    made.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n"
        "from compose_bluegreen.__main__ import main\nsys.exit(main())\n"
    )
    made.chmod(0o755)
    return made


def _free_ports() -> tuple[int, int, int]:
    free = []
    for port in _PORTS:
        with closing(socket.socket()) as probe, suppress(OSError):
            probe.bind(("0.0.0.0", port))  # noqa: S104 - as Docker will
            free.append(port)
        if len(free) == 3:
            return free[0], free[1], free[2]
    raise OSError(f"no three free ports in {_PORTS.start} to {_PORTS.stop - 1}")


def _sweep(project: str, before: set[str]) -> None:
    """Containers, networks and volumes whose name begins with that, and images that are new."""
    for kind, listing, how in (
        ("ps", ("--all", "--format", "{{.Names}}"), ("rm", "--force", "--volumes")),
        ("network", ("ls", "--format", "{{.Name}}"), ("network", "rm")),
        ("volume", ("ls", "--format", "{{.Name}}"), ("volume", "rm", "--force")),
    ):
        found = [name for name in _docker(kind, *listing).split() if name.startswith(project)]
        if found:
            _docker(*how, *found)
    mine = (project, f"bluegreen/{project}", "compose-bluegreen/haproxy")
    for image in set(_docker("images", "--format", "{{.Repository}}:{{.Tag}}").split()) - before:
        if image.startswith(mine):
            _docker("rmi", image)  # fails, and leaves it, where somebody else uses it by now


def _docker(*words: str, check: bool = False) -> str:
    asked = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    if check and asked.returncode:
        sys.stderr.write(asked.stderr)
        asked.check_returncode()
    return asked.stdout
