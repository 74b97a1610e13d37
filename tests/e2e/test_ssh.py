"""The engine is behind ``ssh://``: one login for each command, and a connection that breaks is no riddle."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.shell import config_folder
from testkit.ssh_server import HOST, SshServer, ssh_server, use
from testkit.stage import Stage, service
from testkit.waiting import eventually

pytestmark = pytest.mark.engine

NOTICED = 20.0
"""Seconds in which a broken or frozen connection ends a command."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    with ssh_server(tmp_path_factory.mktemp("ssh")) as running:
        yield running


@pytest.fixture
def remote(server: SshServer, stage: Stage) -> Stage:
    stage.write(web=service(f"{stage.port}:8080"))
    use(server, stage)
    return stage


@pytest.mark.parametrize(
    "words",
    ["up", "up web", "status", "history", "show 1", "rollback", "repair", "prune", "down"],
)
def test_each_command_logs_in_once(words: str, server: SshServer, site: Stage) -> None:
    before = server.logins
    with site.step(words):
        site.bluegreen(*words.split(), VERSION=f"v{before}").ended(0)
    assert server.logins - before == 1
    eventually(lambda: not server.sessions(), "the end of the login")


@pytest.fixture(scope="module")
def site(server: SshServer, shared: Stage) -> Stage:
    shared.write(web=service(f"{shared.port}:8080"))
    use(server, shared)
    return shared


def test_releases_lose_nothing(remote: Stage) -> None:
    remote.up("v1")
    with remote.load() as load:
        remote.up("v2")
        remote.bluegreen("rollback").ended(0)
    assert load.report().versions == ["v1", "v2"]


@pytest.mark.parametrize("path", ["/var/run/docker.sock", "/run/docker.sock"])
def test_the_address_may_name_user_port_and_socket(
    path: str, server: SshServer, remote: Stage
) -> None:
    use(server, remote, f"ssh://root@127.0.0.1:{server.port}{path}")
    remote.up("v1")
    remote.serves("v1")


def test_a_context_and_a_flag_reach_it_too(server: SshServer, remote: Stage) -> None:
    config = config_folder(remote.folder / "docker", remote.environment)
    remote.environment["DOCKER_CONFIG"] = str(config)
    del remote.environment["DOCKER_HOST"]
    remote.docker("context", "create", "far", "--docker", f"host=ssh://{HOST}")
    before = server.logins
    assert "no deployments yet" in remote.bluegreen("--context", "far", "history").ended(0).out
    assert server.logins == before + 1


def test_the_engine_that_docker_uses_there_is_meant(
    server: SshServer, remote: Stage, tmp_path: Path
) -> None:
    """A rootless engine has its socket elsewhere, which only the other machine knows. Its shell may greet."""
    (tmp_path / "other.sock").symlink_to("/var/run/docker.sock")
    server.stop()
    greeting = 'ForceCommand echo hello; eval "$SSH_ORIGINAL_COMMAND"'
    server.start(f"SetEnv DOCKER_HOST=unix://{tmp_path}/other.sock", greeting)
    try:
        remote.up("v1")
        (tmp_path / "other.sock").unlink()
        assert "doesn't answer" in remote.bluegreen("up").ended(1).err
    finally:
        server.stop()
        server.start()


@pytest.mark.parametrize(
    ("host", "code", "error"),
    [
        ("ssh://root@127.0.0.1:9", 1, "Connection refused"),
        ("ssh://nowhere.invalid", 1, "Could not resolve hostname"),
        ("ssh://-oProxyCommand=false", 2, "needs a host"),
        ("ssh://root:secret@127.0.0.1", 2, "must not have a password"),
        ("ssh://127.0.0.1:99999", 2, "no address of an engine"),
    ],
)
def test_an_address_that_does_not_work_is_refused_with_the_cause(
    host: str, code: int, error: str, server: SshServer, remote: Stage
) -> None:
    use(server, remote, host)
    run = remote.bluegreen("up").ended(code)
    assert error in run.err
    assert "secret" not in run.err
    assert "Traceback" not in run.err


def test_a_server_that_refuses_the_key_is_told_in_its_own_words(
    server: SshServer, remote: Stage
) -> None:
    use(server, remote, f"ssh://daemon@127.0.0.1:{server.port}/var/run/docker.sock")
    assert "Permission denied" in remote.bluegreen("status").ended(1).err


@pytest.mark.parametrize(
    ("number", "what"),
    [
        pytest.param(signal.SIGKILL, "breaks", id="breaks"),
        pytest.param(signal.SIGSTOP, "freezes", id="freezes"),
    ],
)
def test_a_connection_that_ends_in_a_release_ends_it_truthfully(
    number: signal.Signals, what: str, server: SshServer, remote: Stage
) -> None:
    remote.up("v1")
    with remote.load():
        running = remote.begin("up", "--progress", "json", VERSION="v2", START_DELAY="30")
        running.until('"step_began", "key": "health"')
        server.signal(number)
        began = time.monotonic()
        with remote.step(f"the connection {what}"):
            run = running.end()
        server.signal(signal.SIGCONT)
        server.signal(signal.SIGKILL)
    assert time.monotonic() - began < NOTICED
    assert run.code in {1, 4}, run
    assert "Traceback" not in run.err
    remote.serves("v1")
    with remote.step("the next release settles it"):
        remote.up("v3")
        remote.serves("v3")
        assert remote.drift() == []


def test_one_interrupt_undoes_a_release_over_the_same_login(
    server: SshServer, remote: Stage
) -> None:
    remote.up("v1")
    before = server.logins
    running = remote.begin("up", "--progress", "json", VERSION="v2", START_DELAY="30")
    running.until('"step_began", "key": "health"')
    running.signal(signal.SIGINT, group=True)
    running.end().ended(130)
    assert server.logins == before + 1
    remote.serves("v1")
    assert remote.drift() == []


def test_a_killed_command_leaves_no_login(server: SshServer, remote: Stage) -> None:
    remote.up("v1")
    running = remote.begin("up", "--progress", "json", VERSION="v2", START_DELAY="30")
    running.until('"step_began", "key": "health"')
    running.signal(signal.SIGKILL)
    running.end()
    eventually(lambda: not server.sessions(), "the end of the login")
