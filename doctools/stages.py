"""A project on the engine in which the commands of one page are run, and its names and ports.

The output shows the names and the ports of the page; the engine has names and ports of its own, so
that nothing else on the machine is touched.
"""

from __future__ import annotations

import getpass
import os
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from threading import Event, Thread
from urllib.request import urlopen

from doctools.pages import DOCS, ROOT
from doctools.plays import Play
from testkit.cleanup import sweep
from testkit.shell import environment, plugin_folder
from testkit.stage import free_port

PREFIX = "bgdocs-"
_MONITOR = re.compile(r"statistics at http://127\.0\.0\.1:\d+")


@dataclass(slots=True)
class DocsStage:
    """``shown`` maps what the page shows to what the engine has."""

    folder: Path
    environment: dict[str, str]
    shown: dict[str, str]
    ports: dict[int, int]
    exit_code: int = field(default=0)

    def run(self, command: str) -> str:
        """As typed into a shell; both outputs as a terminal would show them, with the page's names."""
        done = subprocess.run(
            ["bash", "-c", f"(exit {self.exit_code}); {self._real(command)}"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=300,
        )
        self.exit_code = done.returncode
        return self._as_shown(done.stdout)

    @property
    def url(self) -> str:
        """Of the first port."""
        return f"http://127.0.0.1:{next(iter(self.ports.values()))}/"

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(self._real(text))

    def _real(self, text: str) -> str:
        for shown, real in self.shown.items():
            # A port is not the beginning of a longer number.
            whole = r"(?!\d)" if shown[-1].isdigit() else ""
            text = re.sub(re.escape(shown) + whole, real, text)
        return text

    def _as_shown(self, text: str) -> str:
        for shown, real in self.shown.items():
            text = text.replace(real, shown)
        return _MONITOR.sub("statistics at http://127.0.0.1:8404", text)


@contextmanager
def staged(project: str, ports: Sequence[int], names: Mapping[str, str]) -> Iterator[DocsStage]:
    """``project`` and ``ports`` are those of the page. ``names`` has further ones, each with the
    real one, in which ``{}`` is the real project's name. All is removed at the end."""
    # As long as the page's, so that columns are as wide.
    real = PREFIX + secrets.token_hex(8)[: max(7, len(project) - len(PREFIX))]
    free = {port: free_port() for port in ports}
    shown = {name: pattern.format(real) for name, pattern in names.items()}
    shown |= {"you/": f"{real}/", "ada@laptop": f"{getpass.getuser()}@{socket.gethostname()}"}
    for port, own in free.items():
        shown |= {f":{port}": f":{own}", f'"{port}:': f'"{own}:', f"port: {port}": f"port: {own}"}
    with tempfile.TemporaryDirectory(prefix=PREFIX) as scratch:
        home = Path(scratch)
        (home / "project").mkdir()
        # No meter: curl shows none where its output is a terminal.
        (home / ".curlrc").write_text("silent\nshow-error\n")
        variables = dict(zip(("PORT", "MONITOR_PORT"), map(str, free.values()), strict=False))
        stage = DocsStage(
            home / "project", _environment(home) | variables, {**shown, project: real}, free
        )
        try:
            yield stage
        finally:
            stage.run("docker bluegreen down; docker compose down --volumes --timeout 1")
            sweep(real)


def copy_the_demo(stage: DocsStage) -> None:
    """The repository's own compose file and sample service."""
    shutil.copytree(ROOT / "sample_service", stage.folder / "sample_service")
    stage.write("docker-compose.yml", (ROOT / "docker-compose.yml").read_text())


def set_up(stage: DocsStage, play: Play) -> None:
    """The compose file of the page, and the images that it names."""
    stage.write("compose.yaml", f"name: {play.project}\n{_compose_file(play)}")
    sample = f"{stage.shown[play.project]}/sample"
    _build(sample, ROOT / "sample_service", "Dockerfile")
    for number, (reference, lines) in enumerate(play.images.items()):
        # The label makes each another image.
        stage.write("image", f"FROM {sample}\nLABEL number={number}\n{lines}")
        real = reference.replace("you/", f"{stage.shown[play.project]}/")
        _build(real, stage.folder, "image")


@contextmanager
def requested(stage: DocsStage, play: Play) -> Iterator[None]:
    """Sends requests meanwhile, whatever is answered."""
    ended = Event()

    def ask() -> None:
        while not ended.wait(1 / play.requests):
            with suppress(OSError, HTTPException):
                urlopen(stage.url, timeout=5).close()  # noqa: S310 - http, on this machine

    askers = [Thread(target=ask) for _ in range(1 if play.requests else 0)]
    for asker in askers:
        asker.start()
    try:
        yield
    finally:
        ended.set()
        for asker in askers:
            asker.join()


def _compose_file(play: Play) -> str:
    blocks = re.findall(r"```yaml\n(.*?)```", (DOCS / play.page).read_text(), re.DOTALL)
    return str([one for one in blocks if "services:" in one][play.block])


def _build(reference: str, folder: Path, dockerfile: str) -> None:
    file = str(folder / dockerfile)
    words = ("docker", "build", "--quiet", "--tag", reference, "--file", file, str(folder))
    subprocess.run(words, check=True, capture_output=True)


def _environment(home: Path) -> dict[str, str]:
    """Of a user with this checkout as the plugin, and with a history of their own."""
    asked = subprocess.run(
        ["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"],
        capture_output=True,
        text=True,
        check=True,
    )
    compose = subprocess.run(
        [ROOT / "scripts" / "compose", "5"], capture_output=True, text=True, check=True
    )
    binary = Path(compose.stdout.strip(), "cli-plugins", "docker-compose")
    own = {
        "CURL_HOME": str(home),
        "DOCKER_CONFIG": str(plugin_folder(home / "docker", binary)),
        "DOCKER_HOST": os.environ.get("DOCKER_HOST") or asked.stdout.strip(),
    }
    return environment(home / "state") | own
