"""Two grounds for one body of tests: the fakes, and the real engine, Compose and HAProxy."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

import pytest

from compose_bluegreen.adapters.compose.client import WhalesCompose
from compose_bluegreen.adapters.compose.engine import SdkEngine
from compose_bluegreen.adapters.compose.runner import HookRunner
from compose_bluegreen.adapters.connection.client import connect
from compose_bluegreen.adapters.haproxy.proxy import HaproxyProxy
from compose_bluegreen.adapters.history.journal_files import Journal
from compose_bluegreen.adapters.history.journal_volume import VolumeJournal
from compose_bluegreen.adapters.system.children import Children
from compose_bluegreen.adapters.system.clock import SystemClock
from compose_bluegreen.adapters.system.hook_trust import Trust
from compose_bluegreen.adapters.system.private_files import Scratch
from compose_bluegreen.adapters.system.seen_powers import SeenPowers
from compose_bluegreen.config.compose_file import Project
from compose_bluegreen.config.project import read
from compose_bluegreen.config.release_builder import release
from compose_bluegreen.config.requests import ProjectLocation
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.project_ref import ProjectRef
from compose_bluegreen.domain.release import Image, Model, Release
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.engine import Engine
from compose_bluegreen.ports.lock import Lock, LockOwner
from compose_bluegreen.ports.proxy import Proxy
from compose_bluegreen.ports.runner import Runner
from compose_bluegreen.ports.workloads import Workloads
from testkit.fakes.journal import FakeJournal
from testkit.fakes.lock import FakeLock
from testkit.fakes.observer import FakeObserver
from testkit.fakes.proxy import FakeProxy
from testkit.fakes.runner import Command
from testkit.fakes.site import CALLER, Site, a_file, a_service
from testkit.fakes.world import Behaviour
from testkit.registry import running
from testkit.sources import SAMPLE
from testkit.stage import Stage, other, service

FAILS = "sh -c echo no such table >&2; exit 3"
LASTS = "sh -c echo begun; sleep 60"
LISTENS = "sh -c cat; echo nothing"
"""Commands that the fake knows by heart; their words end at the first three spaces."""


@dataclass(frozen=True, slots=True)
class Ground:
    """``image`` is one whose container is healthy soon; ``restart`` restarts a container by name;
    ``rival_lock`` and ``rival_proxy`` are another command's; ``stranger`` runs a container of the user's
    own project for ``web``; ``visit`` sends so many requests to the live colour, ``connect`` opens a
    WebSocket to it, ``hang`` sends a request that is not answered for a minute, and an upload whose body
    does not come.

    ``source`` writes the next version of ``web``, whose build is named ``built``, and an empty one
    can't be built; ``checked`` is a release whose HEALTHCHECK passes, or fails; ``published`` has a
    reference that the registry has, and the engine has not."""

    ctx: Context
    project: Project
    image: Image
    restart: Callable[[str], None]
    rival_lock: Lock
    rival_proxy: Proxy
    stranger: Callable[[], None]
    journal: Journal
    visit: Callable[[int], None]
    connect: Callable[[], None]
    hang: Callable[[], None]
    source: Callable[[str], None]
    built: str
    checked: Callable[[bool], Release]
    published: Callable[[], AbstractContextManager[str]]

    @property
    def workloads(self) -> Workloads:
        return self.ctx.workloads

    @property
    def engine(self) -> Engine:
        return self.ctx.engine

    @property
    def runner(self) -> Runner:
        return self.ctx.runner

    @property
    def proxy(self) -> Proxy:
        return self.ctx.proxy

    def hold(self, actor: str) -> AbstractContextManager[None]:
        return self.ctx.lock.hold(LockOwner(actor, "up web", self.ctx.clock.now()))


@dataclass(frozen=True, slots=True)
class _FakeActs:
    """What befalls a fake ground, and what others do there."""

    site: Site

    def restart(self, name: str) -> None:
        """What was only in memory is gone, as with a real one."""
        self.site.world.tallies.clear()
        self.site.world.unanswered.clear()
        notes = self.site.world.notes
        notes.memory, notes.canary_weights = dict(notes.disk), dict(notes.disk_shares)

    def stranger(self) -> None:
        self.site.world.run_by_hand("web")

    def visit(self, count: int) -> None:
        self.site.world.asked("web", self._live(), count)

    def connect(self) -> None:
        self.site.world.busy("web", self._live(), 3600.0, web_socket=True)

    def hang(self) -> None:
        self.site.world.asked("web", self._live(), 2, unanswered=1, uploads=1)

    def source(self, version: str) -> None:
        self.site.world.builds.pop("web", None)
        if version:
            self.site.source(version)

    def checked(self, passes: bool) -> Release:
        does = Behaviour(healthcheck=0.0 if passes else inf)
        image = Image("checked", self.site.world.make_image(f"checked-{passes}", does))
        return release(self.site.project, self.site.project.services["web"], image)

    @contextmanager
    def published(self) -> Iterator[str]:
        reference = "registry.example/app:1"
        self.site.world.registry[reference] = "sha256:published"
        yield reference

    def _live(self) -> Colour:
        live = self.site.routed()
        assert live
        return live


GROUNDS = ["fake", pytest.param("real", marks=pytest.mark.engine)]
"""Parameters of a fixture."""


def requested(request: pytest.FixtureRequest) -> Iterator[Ground]:
    if request.param == "fake":
        with fake() as one:
            yield one
        return
    stages: Callable[..., Any] = request.getfixturevalue("stages")
    sample: str = request.getfixturevalue("sample")
    with stages() as stage, real(stage, sample) as one:
        yield one


@contextmanager
def fake() -> Iterator[Ground]:
    site = Site(web=a_service(), db={"image": "db"})
    site.world.networks.add("shop_default")
    image_id = site.world.make_image("v1")
    site.world.names["web:v1"] = image_id
    site.runner.does = {
        FAILS: Command(3, "no such table"),
        LASTS: Command(said="begun", takes=60),
        LISTENS: Command(said="nothing"),
    }
    acts = _FakeActs(site)
    yield Ground(
        ctx=site.ctx,
        project=site.project,
        image=Image("web:v1", image_id),
        restart=acts.restart,
        rival_lock=FakeLock(site.world),
        rival_proxy=FakeProxy(site.world),
        stranger=acts.stranger,
        journal=FakeJournal(),
        visit=acts.visit,
        connect=acts.connect,
        hang=acts.hang,
        source=acts.source,
        built="web:latest",
        checked=acts.checked,
        published=acts.published,
    )


@contextmanager
def real(stage: Stage, sample: str) -> Iterator[Ground]:
    """``stage`` clears the project at its end, whatever becomes of it."""
    scratch = Scratch(Path(stage.environment["XDG_STATE_HOME"]) / "run")
    config: Model = a_file(web=a_service(port=str(stage.port)) | {"image": sample})
    config["name"] = stage.project
    config["networks"]["default"]["name"] = f"{stage.project}_default"
    project = read(config, "compose.yaml")
    where = ProjectLocation(project_directory=stage.folder)
    api, rival_api = connect(), connect()
    engine = SdkEngine(api)
    children = Children(scratch, stage.project, engine.identity)
    compose = WhalesCompose(where, stage.project, scratch, children)
    proxy = HaproxyProxy(stage.project, api, compose)
    state = Path(stage.environment["XDG_STATE_HOME"])
    trust = Trust(state / "host-hooks", {})
    runner = HookRunner(api, compose, scratch, trust, children, stage.folder)
    rival = HaproxyProxy(stage.project, rival_api, compose)
    compose.create_networks_and_volumes(config["networks"], {})
    found = engine.image(sample)
    assert found
    sockets: list[socket.socket] = []
    built = f"{stage.project}-web"
    stage.write(web=service(build="./web", image=built), db=other(networks=["default"]))
    try:
        yield Ground(
            ctx=Context(
                ref=ProjectRef(engine.identity(), stage.project),
                caller=CALLER,
                workloads=compose,
                engine=engine,
                proxy=proxy,
                runner=runner,
                powers=SeenPowers(state / "powers", stage.project),
                history=Site().history,
                lock=proxy.lock,
                clock=SystemClock(),
                observer=FakeObserver(),
            ),
            project=project,
            image=found,
            restart=lambda name: _docker("restart", "--time", "1", name),
            rival_lock=rival.lock,
            rival_proxy=rival,
            stranger=lambda: _stranger(stage.project, sample),
            journal=VolumeJournal(proxy.journal_access),
            visit=lambda count: _visit(stage, count),
            connect=lambda: sockets.append(stage.web_socket()),
            hang=lambda: sockets.extend(_hanging(stage)),
            source=lambda version: _source(stage, version),
            built=f"{stage.project}-web:latest",
            checked=lambda passes: _checked(config, found, passes),
            published=lambda: _published(stage),
        )
    finally:
        for each in sockets:
            each.close()
        proxy.close()
        rival.close()
        api.close()
        rival_api.close()
        scratch.close()


def _source(stage: Stage, version: str) -> None:
    (stage.folder / "web").mkdir(exist_ok=True)
    text = f"FROM {SAMPLE}\nENV VERSION={version}\n" if version else "NONSENSE\n"
    (stage.folder / "web" / "Dockerfile").write_text(text)


def _checked(config: Model, image: Image, passes: bool) -> Release:
    check = {"test": ["CMD", "true" if passes else "false"], "interval": "1h"}
    services = {"web": config["services"]["web"] | {"healthcheck": check}}
    project = read(config | {"services": services}, "compose.yaml")
    return release(project, project.services["web"], image)


@contextmanager
def _published(stage: Stage) -> Iterator[str]:
    folder = stage.folder / "registry"
    folder.mkdir()
    with running(folder) as registry:
        digest = registry.push(stage, "app", "v1")
        try:
            yield f"{registry.repository}:app"
        finally:
            _docker("rmi", "--force", f"{registry.repository}:app", digest, check=False)


def _visit(stage: Stage, count: int) -> None:
    for _ in range(count):
        assert stage.ask().status == 200


def _hanging(stage: Stage) -> Iterator[socket.socket]:
    for request in ("GET /slow?ms=60000", "POST /echo"):
        line = socket.create_connection(("127.0.0.1", stage.port), timeout=30)
        line.sendall(f"{request} HTTP/1.1\r\nHost: web\r\n".encode())
        line.sendall(b"Content-Length: 4\r\n\r\n" if "POST" in request else b"\r\n")
        yield line


def _stranger(project: str, image: str) -> None:
    labels = {"com.docker.compose.project": project, "com.docker.compose.service": "web"}
    flags = [word for key, value in labels.items() for word in ("--label", f"{key}={value}")]
    _docker("run", "--detach", "--name", f"{project}-web-1", *flags, image)


def _docker(*words: str, check: bool = True) -> None:
    subprocess.run(("docker", *words), check=check, capture_output=True, env=dict(os.environ))
