"""Two grounds for one body of tests: the fakes, and the real engine, Compose and HAProxy."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from compose_bluegreen.adapters.compose.client import WhalesCompose
from compose_bluegreen.adapters.compose.engine import SdkEngine, connect
from compose_bluegreen.adapters.compose.runner import HookRunner
from compose_bluegreen.adapters.haproxy.proxy import HaproxyProxy
from compose_bluegreen.adapters.history.journal_files import Journal
from compose_bluegreen.adapters.system.clock import SystemClock
from compose_bluegreen.adapters.system.hook_trust import Trust
from compose_bluegreen.adapters.system.private_files import Scratch
from compose_bluegreen.config.compose_file import Project
from compose_bluegreen.config.project import read
from compose_bluegreen.config.requests import ProjectLocation
from compose_bluegreen.domain.project_ref import ProjectRef
from compose_bluegreen.domain.release import Image, Model
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.engine import Engine
from compose_bluegreen.ports.lock import Lock, LockOwner
from compose_bluegreen.ports.proxy import Proxy
from compose_bluegreen.ports.runner import Runner
from compose_bluegreen.ports.workloads import Workloads
from testkit.fakes.journal import FakeJournal
from testkit.fakes.lock import FakeLock
from testkit.fakes.observer import FakeObserver
from testkit.fakes.runner import Command
from testkit.fakes.site import CALLER, Site, a_file, a_service
from testkit.stage import Stage

FAILS = "sh -c echo no such table >&2; exit 3"
LASTS = "sh -c echo begun; sleep 60"
LISTENS = "sh -c cat; echo nothing"
"""Commands that the fake knows by heart; their words end at the first three spaces."""


@dataclass(frozen=True, slots=True)
class Ground:
    """``image`` is one whose container is well soon; ``restart`` restarts a container by name;
    ``rival`` is the lock as somebody else has it; ``stranger`` runs a container of the user's own
    project for ``web``; ``visit`` sends so many requests to whatever is live."""

    ctx: Context
    project: Project
    image: Image
    restart: Callable[[str], None]
    rival: Lock
    stranger: Callable[[], None]
    journal: Journal
    visit: Callable[[int], None]

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


@contextmanager
def fake() -> Iterator[Ground]:
    site = Site(web=a_service())
    site.world.networks.add("shop_default")
    image_id = site.world.make_image("v1")
    site.world.names["web:v1"] = image_id
    site.runner.does = {
        FAILS: Command(3, "no such table"),
        LASTS: Command(said="begun", takes=60),
        LISTENS: Command(said="nothing"),
    }

    def restart(name: str) -> None:
        """What was only in memory is gone, as with a real one."""
        site.world.tallies.clear()
        notes = site.world.notes
        notes.memory, notes.canary_weights = dict(notes.disk), dict(notes.disk_shares)

    def stranger() -> None:
        site.world.run_by_hand("web")

    def visit(count: int) -> None:
        live = site.routed()
        assert live
        site.world.asked("web", live, count)

    yield Ground(
        site.ctx,
        site.project,
        Image("web:v1", image_id),
        restart,
        FakeLock(site.world),
        stranger,
        FakeJournal(),
        visit,
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
    compose, engine = WhalesCompose(where, stage.project, scratch), SdkEngine(api)
    proxy = HaproxyProxy(stage.project, api, compose)
    trust = Trust(Path(stage.environment["XDG_STATE_HOME"]) / "host-hooks", {})
    runner = HookRunner(api, compose, scratch, trust, stage.folder)
    rival = HaproxyProxy(stage.project, rival_api, compose)
    compose.create_networks_and_volumes(config["networks"], {})
    found = engine.image(sample)
    assert found
    try:
        yield Ground(
            Context(
                ref=ProjectRef(engine.identity(), stage.project),
                caller=CALLER,
                workloads=compose,
                engine=engine,
                proxy=proxy,
                runner=runner,
                history=Site().history,
                lock=proxy,
                clock=SystemClock(),
                observer=FakeObserver(),
            ),
            project,
            found,
            lambda name: _docker("restart", "--time", "1", name),
            rival,
            lambda: _stranger(stage.project, sample),
            proxy.journal,
            lambda count: _visit(stage, count),
        )
    finally:
        proxy.close()
        rival.close()
        api.close()
        rival_api.close()
        scratch.close()


def _visit(stage: Stage, count: int) -> None:
    for _ in range(count):
        assert stage.ask().status == 200


def _stranger(project: str, image: str) -> None:
    labels = {"com.docker.compose.project": project, "com.docker.compose.service": "web"}
    flags = [word for key, value in labels.items() for word in ("--label", f"{key}={value}")]
    _docker("run", "--detach", "--name", f"{project}-web-1", *flags, image)


def _docker(*words: str) -> None:
    subprocess.run(("docker", *words), check=True, capture_output=True, env=dict(os.environ))
