"""The grounds of the contracts; the real ground uses a stage of the end-to-end tests."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from compose_bluegreen.adapters.history import Scope, open_history
from compose_bluegreen.config.release_builder import release
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.release import Release
from compose_bluegreen.domain.topology import Change, Topology
from compose_bluegreen.ports.history import History
from compose_bluegreen.steps.desired_topology import for_project, with_release
from testkit.drafts import ENGINE, PROJECT
from testkit.fakes.history import MemoryHistory
from testkit.postgres import Server
from testkit.postgres import running as server_running
from tests.contract.grounds import GROUNDS, Ground, requested
from tests.contract.helpers import Opened
from tests.e2e.conftest import engine, sample, signals, stages

__all__ = ["engine", "sample", "signals", "stages"]


@pytest.fixture(params=GROUNDS)
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    yield from requested(request)


@pytest.fixture
def web(ground: Ground) -> Release:
    return release(ground.project, ground.project.services["web"], ground.image)


@pytest.fixture
def wanted(ground: Ground, web: Release) -> Topology:
    return with_release(for_project(ground.project, ["web"], None), web, Colour.BLUE)


@pytest.fixture
def running(ground: Ground, wanted: Topology) -> Ground:
    """The proxy runs, and nothing is live."""
    ground.proxy.apply(wanted, Change.CREATE)
    return ground


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrating takes longer than most tests here, so it is done once."""
    file = tmp_path_factory.mktemp("migrated") / "history.db"
    with open_history(str(file), {}, Scope(ENGINE, PROJECT)) as history:
        history.check_writable()
    return file


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    if request.param == "memory":
        shelf = defaultdict[tuple[str, str], MemoryHistory](MemoryHistory)
        yield lambda engine, project: shelf[engine, project]
        return
    if request.param == "sqlite":
        location = str(shutil.copy(request.getfixturevalue("migrated"), tmp_path))
    else:
        server: Server = request.getfixturevalue("server")
        server.run("TRUNCATE deployments CASCADE", "contract")
        location = server.url("contract")
    with ExitStack() as histories:
        yield lambda engine, project: histories.enter_context(
            open_history(location, {}, Scope(engine, project))
        )


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Fails, and never skips, where there is none to be had."""
    with server_running() as server:
        server.run("CREATE DATABASE contract")
        with open_history(server.url("contract"), {}, Scope(ENGINE, PROJECT)) as history:
            history.check_writable()
        yield server


@pytest.fixture
def history(opened: Opened) -> History:
    return opened(ENGINE, PROJECT)
