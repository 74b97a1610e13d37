"""What every scenario needs: an engine, the sample's image, a stage that is always cleared."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import secrets
import signal
import subprocess
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from signal import SIG_IGN
from typing import Any

import pytest

from compose_bluegreen.adapters.haproxy.proxy_image import image
from compose_bluegreen.domain.topology import Topology
from testkit.checkout import ROOT
from testkit.cleanup import sweep
from testkit.own_engine import OwnEngine, own_engine
from testkit.shell import environment, plugin_folder
from testkit.sources import SAMPLE
from testkit.stage import Stage, service

_PREFIX = "bgtest-"


@pytest.fixture(scope="session")
def engine() -> None:
    """Fails, and never skips: a release that nobody tried on an engine proves nothing."""
    for what, cure in (("version", "scripts/engine"), ("compose version", "scripts/compose")):
        asked = _asked("docker", *what.split())
        if asked.returncode:
            pytest.fail(f"docker {what}: {asked.stderr.strip()}\nnext: {cure}", pytrace=False)


@pytest.fixture(scope="session")
def sample(engine: None) -> str:
    """The sample's image, which all scenarios share; versions differ by environment."""
    built = _asked("docker", "build", "--quiet", "--tag", SAMPLE, str(ROOT / "sample_service"))
    if built.returncode:
        pytest.fail(
            f"the sample can't be built:\n{built.stderr}\nnext: scripts/setup", pytrace=False
        )
    return SAMPLE


@pytest.fixture(scope="session")
def signals() -> Iterator[None]:
    """Under nohup, or in the background of a script, some are ignored, and so in all that is begun:
    a handler here means the default there."""
    deaf = [one for one in (signal.SIGINT, signal.SIGHUP) if signal.getsignal(one) is SIG_IGN]
    for number in deaf:
        signal.signal(number, lambda *_: None)
    yield
    for number in deaf:
        signal.signal(number, SIG_IGN)


@pytest.fixture(scope="session")
def stages(
    sample: str, signals: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Any]]:
    """``with stages() as stage``: as many as wanted, each cleared at its end."""
    with _session() as session:
        numbers = itertools.count(1)

        @contextmanager
        def staged(*, plugin: bool = False, compose: str = "") -> Iterator[Stage]:
            project = f"{_PREFIX}{session}-{next(numbers):03}"
            folder = tmp_path_factory.mktemp(project)
            own = environment(folder / "state")
            if plugin or compose:
                binary = _compose(compose) if compose else _installed_compose()
                config = plugin_folder(folder / "docker", binary)
                own |= {"DOCKER_CONFIG": str(config), "DOCKER_HOST": _engine_address()}
            (folder / "project").mkdir()
            stage = Stage(project, folder / "project", own, plugin=plugin)
            try:
                yield stage
            finally:
                stage.close()

        yield staged


@pytest.fixture
def stage(stages: Callable[..., Any]) -> Iterator[Stage]:
    with stages() as one:
        yield one


@pytest.fixture(scope="module")
def daemon(
    stages: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OwnEngine]:
    """An engine of the test's own, with the images that a release there needs. A release on the
    machine's engine builds the proxy's."""
    with stages() as first:
        first.write(web=service(f"{first.port}:8080"))
        first.up("v1")
    with own_engine(tmp_path_factory.mktemp("engine")) as engine:
        engine.borrow((SAMPLE, image(Topology("any"))))
        yield engine


@pytest.fixture(scope="module")
def shared(stages: Callable[..., Any]) -> Iterator[Stage]:
    """One for a whole file, whose scenarios leave it as they found it: something serves."""
    with stages() as one:
        yield one


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        used = getattr(item, "funcargs", {}).values()
        for each in (one for one in used if isinstance(one, Stage)):
            report.sections.extend(each.evidence())
    return report


@contextmanager
def _session() -> Iterator[str]:
    """A word for the names of this run. What a run that is no more left behind is cleared first."""
    with ExitStack() as kept:
        session = secrets.token_hex(3)
        file = _lock_file(session)
        lock = kept.enter_context(file.open("w"))
        kept.callback(file.unlink)
        fcntl.flock(lock, fcntl.LOCK_EX)
        for gone in _sessions():
            if not _is_alive(gone):
                sweep(f"{_PREFIX}{gone}-")
                _lock_file(gone).unlink(missing_ok=True)
        yield session


def _sessions() -> set[str]:
    """Those that have left something on the engine."""
    formats = ("ps -a", "{{.Names}}"), ("network ls", "{{.Name}}"), ("volume ls", "{{.Name}}")
    names = [
        name
        for what, how in formats
        for name in _asked("docker", *what.split(), "--format", how).stdout.split()
    ]
    words = (name.removeprefix(_PREFIX).partition("-") for name in names if _is_ours(name))
    return {session for session, dash, _ in words if dash}


def _is_ours(name: str) -> bool:
    return name.startswith(_PREFIX)


def _is_alive(session: str) -> bool:
    try:
        with _lock_file(session).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _lock_file(session: str) -> Path:
    return Path(tempfile.gettempdir(), f"{_PREFIX}{session}.lock")


def _installed_compose() -> Path:
    asked = _asked("docker", "info", "--format", "{{json .ClientInfo.Plugins}}")
    plugins = json.loads(asked.stdout or "null") or []
    return next(Path(one["Path"]) for one in plugins if one["Name"] == "compose")


def _compose(version: str) -> Path:
    """Of that major version; the repository's script has it, or fetches it."""
    asked = _asked(str(ROOT / "scripts" / "compose"), version)
    if asked.returncode:
        pytest.fail(f"Compose {version} can't be had: {asked.stderr}", pytrace=False)
    return Path(asked.stdout.strip(), "cli-plugins", "docker-compose")


def _engine_address() -> str:
    """A DOCKER_CONFIG of our own has no contexts."""
    if address := os.environ.get("DOCKER_HOST"):
        return address
    form = "{{.Endpoints.docker.Host}}"
    return _asked("docker", "context", "inspect", "--format", form).stdout.strip()


def _asked(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)
