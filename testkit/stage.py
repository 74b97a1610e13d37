"""A scenario's stage: a Compose project of its own on the real engine, and the real command line."""

from __future__ import annotations

import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

from testkit.checkout import ROOT
from testkit.load import Load, Mix

SAMPLE = "localhost:1/bgtest/sample"
"""A registry that nobody runs: nothing here may be looked for elsewhere."""

PATIENCE = 90.0
"""Seconds that any one command, and anything that is waited for, may take on a busy machine."""

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

SWITCHES = (
    "VERSION",
    "START_DELAY",
    "NEVER_START",
    "SICK_AFTER",
    "ERRORS",
    "LATENCY",
    "CRASH_AFTER",
    "ON_SIGTERM",
    "PORT",
)

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
class Said:
    """A line, and when it was read on the clock of the load's records."""

    moment: float
    line: str


@dataclass(slots=True)
class Running:
    """A command under way, whose standard error is read as it comes."""

    command: Sequence[str]
    process: subprocess.Popen[str]
    stdout: Path
    began: float = field(default_factory=time.monotonic)
    heard: list[Said] = field(default_factory=list)
    _reader: Thread = field(init=False)

    def __post_init__(self) -> None:
        self._reader = Thread(target=self._listen, daemon=True)
        self._reader.start()

    def until(self, text: str) -> Said:
        """The first line with that text. Fails if the command ends without one."""
        found: list[Said] = []

        def said() -> bool:
            ended = not self._reader.is_alive()
            found.extend(one for one in self.heard if text in one.line)
            return bool(found) or ended

        eventually(said, f"{text!r} from {' '.join(self.command)}", every=0.002)
        assert found, f"{' '.join(self.command)} never said {text!r}:\n{self.err}"
        return found[0]

    def signal(self, number: signal.Signals, *, group: bool = False) -> None:
        """To the command alone, or as a terminal's Ctrl-C to all that it started too."""
        if group:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)

    def end(self) -> Run:
        """Waits for it."""
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.give_up()
            raise AssertionError(f"{' '.join(self.command)} hangs:\n{self.err}") from None
        self._reader.join(5)
        code, out = self.process.returncode, self.stdout.read_text()
        return Run(self.command, code, out, self.began, tuple(self.heard))

    def give_up(self) -> None:
        if self.process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    @property
    def err(self) -> str:
        return "".join(one.line for one in self.heard)

    def _listen(self) -> None:
        assert self.process.stderr
        with self.process.stderr as stream:
            for line in stream:
                self.heard.append(Said(time.monotonic(), line))


@dataclass(frozen=True, slots=True)
class Run:
    command: Sequence[str]
    code: int
    out: str
    began: float
    heard: tuple[Said, ...]

    @property
    def err(self) -> str:
        return "".join(one.line for one in self.heard)

    def moment(self, text: str) -> float:
        """When the first line with that text was read."""
        return next(one.moment for one in self.heard if text in one.line)

    def ended(self, code: int) -> Run:
        assert self.code == code, f"exit code {self.code}, not {code}\n{self}"
        return self

    def __str__(self) -> str:
        return f"$ {' '.join(self.command)}\n{self.err}{self.out}exit code {self.code}"


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
    def load(self, mix: Mix = LIGHT) -> Iterator[Load]:
        """Loses nothing, or the scenario fails."""
        log = self.folder / f"load-{time.monotonic_ns()}.jsonl"
        with Load.running(self.url, log=log, mix=mix) as load:
            yield load
        report = load.report()
        assert not report.failed, report.describe()

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


def eventually(holds: Callable[[], object], what: str, every: float = 0.05) -> None:
    """Waits for it, and fails with its name where it never comes."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"waited {PATIENCE:g} s in vain for {what}"
        time.sleep(every)


def environment(state: Path) -> dict[str, str]:
    """A shell in which nobody has set anything that Docker, Compose or we listen to, and where Python
    keeps what it compiled, as an installation does."""
    deaf = ("COMPOSE_", "BLUEGREEN_", "DOCKER_CLI_", "PYTHONDONTWRITEBYTECODE")
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(deaf) and name not in SWITCHES
    }
    return clean | {"XDG_STATE_HOME": str(state), "PYTHONPATH": str(ROOT)}


# ── cleaning up ──────────────────────────────────────────────────────────────────────────────


def sweep(project: str) -> None:
    """Every container, network, volume and image whose name begins with that, and no other."""
    # By id: of networks, Docker allows two of one name.
    _remove(("rm", "--force", "--volumes"), project, "ps", "--all", form="{{.ID}} {{.Names}}")
    _remove(("network", "rm"), project, "network", "ls", form="{{.ID}} {{.Name}}")
    _remove(("volume", "rm", "--force"), project, "volume", "ls", form="{{.Name}} {{.Name}}")
    for prefix in (project, f"bluegreen/{project}"):
        tag = "{{.Repository}}:{{.Tag}}"
        _remove(("rmi", "--force"), prefix, "images", form=f"{tag} {tag}")
    labelled = f"label=com.docker.compose.project={project}"
    _docker("image", "prune", "--force", "--filter", labelled)


def _remove(how: Sequence[str], prefix: str, *listing: str, form: str) -> None:
    """``form`` gives an id and a name a line."""
    rows = [line.split() for line in _docker(*listing, "--format", form).splitlines()]
    if found := [id_ for id_, name in rows if name.startswith(prefix)]:
        _docker(*how, *found)


def _docker(*words: str) -> str:
    asked = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    return asked.stdout


def plugin_folder(folder: Path, compose: Path) -> Path:
    """A DOCKER_CONFIG in which docker finds that Compose, and this checkout as a plugin."""
    plugins = folder / "cli-plugins"
    plugins.mkdir(parents=True)
    (plugins / "docker-compose").symlink_to(compose)
    shim = plugins / "docker-bluegreen"
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m compose_bluegreen "$@"\n')
    shim.chmod(0o755)
    return folder


@dataclass(frozen=True, slots=True)
class Sources:
    """The sample's program, to be changed and built; on top of its image, so that it's quick."""

    folder: Path

    @classmethod
    def copied(cls, folder: Path) -> Sources:
        folder.mkdir()
        shutil.copy(ROOT / "sample_service" / "app.py", folder)
        sources = cls(folder)
        sources.dockerfile.write_text(f"FROM {SAMPLE}\nCOPY app.py /app/app.py\n")
        return sources

    @property
    def dockerfile(self) -> Path:
        return self.folder / "Dockerfile"

    def greet(self, greeting: str) -> None:
        """Another program: its image differs."""
        app = self.folder / "app.py"
        text = app.read_text()
        old = next(line for line in text.splitlines() if line.startswith("GREETING ="))
        app.write_text(text.replace(old, f'GREETING = "{greeting}"'))
