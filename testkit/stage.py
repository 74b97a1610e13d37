"""A scenario's stage: a Compose project of its own on the real engine, and the real command line."""

from __future__ import annotations

import http.client
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from compose_bluegreen.adapters.haproxy.container_spec import FILES_USER
from testkit.checkout import ROOT
from testkit.cleanup import sweep
from testkit.commands import Run, Running
from testkit.load import Load, Mix
from testkit.load.linearizability import Switching, check
from testkit.shell import SWITCHES
from testkit.sources import SAMPLE
from testkit.switching import switching

LIGHT = Mix(
    new_per_s=40,
    keep_alive=2,
    keep_alive_per_s=20,
    long_per_s=2,
    long_ms=300,
    posts_per_s=5,
    post_connections=1,
    web_sockets=0,
)
"""Enough to notice a lost request, little enough to leave the two cores to what is tested."""


Model = dict[str, Any]


def service(*ports: str, **changes: Any) -> Model:
    """The sample, as a compose file has it; its switches come from the shell of each command."""
    published = {"ports": list(ports)} if ports else {}
    return {
        "image": SAMPLE,
        "environment": list(SWITCHES),
        **published,
        "x-bluegreen": {"health": {"path": "/healthz"}, "drain_timeout": "5s"},
    } | changes


def other(command: str = "sleep infinity", **changes: Any) -> Model:
    """A service that isn't ours to release: a shell in the same image."""
    # With `init`, SIGTERM ends it at once.
    return {"image": SAMPLE, "command": ["sh", "-c", command], "init": True} | changes


@dataclass(frozen=True, slots=True)
class Answer:
    """Its headers' names are lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def version(self) -> str:
        return self.headers.get("x-version", "")

    @property
    def colour(self) -> str:
        return self.headers.get("x-colour", "")


def free_port() -> int:
    """Below the range from which the kernel, and Docker, hand out ports by themselves."""
    while True:
        port = random.randrange(20_000, 32_000)  # noqa: S311 - not a secret
        with closing(socket.socket()) as free, suppress(OSError):
            free.bind(("0.0.0.0", port))  # noqa: S104 - as Docker will
            return port


@dataclass(slots=True)
class Stage:
    """``environment`` is every command's; ``plugin`` runs the CLI through ``docker bluegreen``."""

    project: str
    folder: Path
    environment: dict[str, str]
    port: int = field(default_factory=free_port)
    plugin: bool = False
    transcript: list[str] = field(default_factory=list)
    _commands: list[Running] = field(default_factory=list)

    # ── the person ───────────────────────────────────────────────────────────────────────────

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """A failure inside bears this name."""
        began = time.monotonic()
        try:
            yield
        except BaseException as error:
            error.add_note(f"in the step: {name}")
            raise
        finally:
            self.transcript.append(f"{time.monotonic() - began:6.1f} s  {name}")

    def write(
        self, *, file: str = "compose.yaml", top: Model | None = None, **services: Model
    ) -> None:
        """The compose file; JSON is YAML too. ``top`` are further keys of its top level."""
        model = {"name": self.project, **(top or {}), "services": services}
        (self.folder / file).write_text(json.dumps(model, indent=2))

    def up(self, version: str, *words: str, **environment: str) -> Run:
        """A release that must succeed."""
        return self.bluegreen("up", *words, VERSION=version, **environment).ended(0)

    def bluegreen(self, *words: str, **environment: str) -> Run:
        return self.begin(*words, **environment).end()

    def begin(self, *words: str, **environment: str) -> Running:
        program = (
            ("docker", "bluegreen") if self.plugin else (sys.executable, "-m", "compose_bluegreen")
        )
        return self._begin((*program, *words), environment)

    def begin_stopping(self, act: int, *words: str, **environment: str) -> Running:
        """It stops itself (SIGSTOP) before that act; see testkit/stopping.py."""
        program = (sys.executable, "-m", "testkit.stopping", str(act))
        path = {"PYTHONPATH": str(ROOT)}
        return self._begin((*program, *words), {**path, **environment})

    def compose(self, *words: str, **environment: str) -> Run:
        """The user's own, on the same project."""
        return self._begin(("docker", "compose", *words), environment).end()

    def docker(self, *words: str) -> str:
        run = self._begin(("docker", *words), {}).end().ended(0)
        return run.out.strip()

    def begin_docker(self, *words: str) -> Running:
        """Whose end nobody waits for."""
        return self._begin(("docker", *words), {})

    def begin_program(self, *words: str) -> Running:
        """Any other, in the project's folder."""
        return self._begin(words, {})

    def inspect(self, name: str) -> Model:
        found: list[Model] = json.loads(self.docker("inspect", name))
        return found[0]

    # ── the visitor ──────────────────────────────────────────────────────────────────────────

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self,
        path: str = "/",
        *,
        port: int | None = None,
        host: str = "127.0.0.1",
        body: bytes | Iterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One connection, one request; raises OSError or HTTPException where none is answered."""
        line = http.client.HTTPConnection(host, port or self.port, timeout=30)
        with closing(line):
            method = "GET" if body is None else "POST"
            line.request(method, path, body=body, headers=dict(headers or {}))
            return answer(line)

    def versions(self, count: int) -> Counter[str]:
        """Which versions answer so many requests, on one kept connection."""
        found = Counter[str]()
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as line:
            for _ in range(count):
                line.request("GET", "/")
                said = answer(line)
                assert said.status == 200
                found[said.version] += 1
        return found

    def serves(self, version: str, **where: Any) -> None:
        found = self.ask(**where)
        assert (found.status, found.version) == (200, version), f"{found} instead of {version}"

    def web_socket(self) -> socket.socket:
        line = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        line.sendall(
            b"GET /ws HTTP/1.1\r\nHost: web\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert b" 101 " in line.recv(4096)
        return line

    @contextmanager
    def load(
        self,
        mix: Mix = LIGHT,
        *,
        lossless: bool = True,
        split: bool = False,
        by_kind: bool = False,
        also: Sequence[Switching] = (),
    ) -> Iterator[Load]:
        """The scenario fails if a request is lost, or if the answers contradict one atomic switch.

        Without ``lossless`` the scenario itself judges what fails. ``split``: each ``up`` has a canary.
        ``by_kind``: paths decide, so that each kind of request may go to another service.
        ``also``: when something else than a command of this stage may switch.
        """
        log = self.folder / f"load-{time.monotonic_ns()}.jsonl"
        with Load.running(self.url, log=log, mix=mix) as load:
            yield load
        report = load.report()
        assert not (lossless and report.failed), report.describe()
        known = switching(self._commands, report.began_at, split=split)
        for each in report.kinds_apart() if by_kind else [report]:
            verdict = check(each, [*known, *also])
            assert not verdict.stale, verdict.describe()

    # ── what is there ────────────────────────────────────────────────────────────────────────

    def history(self, *words: str) -> list[Model]:
        found: list[Model] = json.loads(
            self.bluegreen("history", *words, "--format", "json").ended(0).out
        )
        return found

    def show(self, deployment: int) -> Model:
        found: Model = json.loads(
            self.bluegreen("show", str(deployment), "--format", "json").ended(0).out
        )
        return found

    def status(self) -> Model:
        found: Model = json.loads(self.bluegreen("status", "--format", "json").ended(0).out)
        return found

    def drift(self) -> list[Model]:
        found = self.status()
        return [*found["drift"], *(one for each in found["services"] for one in each["drift"])]

    def live(self, name: str = "web") -> Model:
        """The live colour of a service, as status has it."""
        live: Model = next(one for one in self.status()["services"] if one["service"] == name)[
            "live"
        ]
        assert live, f"nothing of {name} is live"
        return live

    def containers(self, *, ours: bool = True, running: bool = False) -> list[str]:
        """Names; of our project beside the user's, or of the user's own."""
        project = self.companion if ours else self.project
        words = () if running else ("--all",)
        label = f"label=com.docker.compose.project={project}"
        return sorted(
            self.docker("ps", *words, "--filter", label, "--format", "{{.Names}}").split()
        )

    def colours(self, service: str = "web") -> list[str]:
        """Which have containers, in any state."""
        mine = f"{self.companion}-{service}-"
        names = [name.removeprefix(mine) for name in self.containers() if name.startswith(mine)]
        return sorted({name.partition("-")[0] for name in names})

    def image(self, reference: str) -> str | None:
        """Its id, None where the engine doesn't have it."""
        run = self._begin(
            ("docker", "image", "inspect", "--format", "{{.Id}}", reference), {}
        ).end()
        return run.out.strip() if run.code == 0 else None

    def named(self, kind: str) -> list[str]:
        """Networks or volumes that bear the project's name."""
        found = self.docker(kind, "ls", "--filter", f"name={self.project}", "--format", "{{.Name}}")
        return sorted(found.split())

    @property
    def companion(self) -> str:
        return f"{self.project}-bluegreen"

    @property
    def proxy(self) -> str:
        return f"{self.companion}-proxy"

    def in_the_proxy(self, script: str, user: str = FILES_USER) -> str:
        """The output of a shell script there, by default as the user who owns the files."""
        return self.docker("exec", "--user", user, self.proxy, "sh", "-c", script)

    def container(self, colour: str, service: str = "web", number: int = 1) -> str:
        return f"{self.companion}-{service}-{colour}-{number}"

    # ── before and after ─────────────────────────────────────────────────────────────────────

    def evidence(self) -> Iterator[tuple[str, str]]:
        """For the report of a scenario that failed."""
        yield "steps", "\n".join(self.transcript)
        for title, words in (
            ("docker ps -a", ("docker", "ps", "--all", "--filter", f"name={self.project}")),
            ("docker logs of the proxy", ("docker", "logs", "--tail", "40", self.proxy)),
            ("history", (sys.executable, "-m", "compose_bluegreen", "-p", self.project, "history")),
        ):
            run = self._begin(words, {}).end()
            yield title, run.err + run.out

    def close(self) -> None:
        for command in self._commands:
            command.give_up()
        sweep(self.project)

    def _begin(self, command: Sequence[str], environment: Mapping[str, str]) -> Running:
        number, path = tempfile.mkstemp(dir=self.folder, prefix="stdout-")
        with os.fdopen(number) as stdout:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**self.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        running = Running(command, process, Path(path))
        self._commands.append(running)
        return running


def answer(line: http.client.HTTPConnection) -> Answer:
    """To what was asked on that connection."""
    response = line.getresponse()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, response.read(), headers)
