"""Something dies at a bad moment: what served serves on, and the next command settles the rest."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from http.client import HTTPException
from typing import Any

import pytest

from testkit.commands import Running
from testkit.stage import Model, Stage, service
from testkit.waiting import eventually

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def site(shared: Stage) -> Stage:
    """In its second release, so that the colour that serves is not the one of an empty map."""
    shared.write(web=service(f"{shared.port}:8080"))
    shared.up("v1")
    shared.up("v2")
    return shared


def _record(stage: Stage) -> Model:
    return stage.history("--limit", "1")[0]


# ── the proxy ────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def again(site: Stage) -> Iterator[Stage]:
    """Afterwards what served serves again, from the same colour, with no command of ours."""
    before = site.ask()

    def serves() -> bool:
        with suppress(OSError, HTTPException):
            found = site.ask()
            return (found.status, found.version, found.colour) == (
                200,
                before.version,
                before.colour,
            )
        return False

    yield site
    eventually(serves, f"{before.version} from {before.colour}, as before")
    assert site.drift() == []


def test_the_proxy_is_restarted(again: Stage) -> None:
    again.docker("restart", again.proxy)


def test_haproxy_is_killed(again: Stage) -> None:
    """The worker goes, so the master does, so Docker starts the container anew."""
    pids = again.docker("exec", again.proxy, "sh", "-c", "cat /proc/[0-9]*/stat | grep haproxy")
    worker = max(int(line.split()[0]) for line in pids.splitlines() if "(haproxy)" in line)
    began = again.inspect(again.proxy)["State"]["StartedAt"]
    again.docker("exec", again.proxy, "sh", "-c", f"kill -9 {worker}")
    eventually(
        lambda: again.inspect(again.proxy)["State"]["StartedAt"] != began,
        "a new start of the proxy",
    )


def test_the_proxy_is_killed_and_somebody_starts_it(again: Stage) -> None:
    """What a person has killed, Docker leaves so."""
    again.docker("kill", again.proxy)
    with again.step("status says so"):
        assert "proxy_stopped" in {one["kind"] for one in again.drift()}
    again.docker("start", again.proxy)


def test_the_colour_that_serves_is_restarted(again: Stage) -> None:
    again.docker("restart", again.container(again.ask().colour))


@pytest.mark.parametrize("how", ["kill", "rm --force"])
def test_without_a_proxy_the_next_up_finds_the_way(how: str, site: Stage) -> None:
    before = site.ask()
    site.docker(*how.split(), site.proxy)
    version = f"after-{how.partition(' ')[0]}"
    site.up(version)
    found = site.ask()
    assert found.version == version
    assert found.colour != before.colour, "it knew which colour was live"
    assert site.drift() == []


# ── the command ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("point", "served"),
    [
        ("start", "old"),
        ("health", "old"),
        ("switch", "either"),
        ("drain", "new"),
    ],
)
def test_the_command_is_killed_at(point: str, served: str, site: Stage) -> None:
    old, new = site.ask().version, f"killed-at-{point}"
    with site.step("it is killed, under load"), site.load() as load:
        running = _begun(site, f'"step_began", "key": "{point}"', "up", VERSION=new)
        running.signal(signal.SIGKILL)
        assert running.end().code == -signal.SIGKILL
        version = site.ask().version
        assert version in {"old": [old], "new": [new], "either": [old, new]}[served]
    assert load.report().versions in ([old], [old, new])
    with site.step("the next up settles it, under load"), site.load():
        site.up(f"next-{new}")
        site.serves(f"next-{new}")
    with site.step("nothing is left over"):
        assert site.drift() == []
        killed = site.history("--limit", "2")[1]
        wanted = {"interrupted"} if version == old else {"superseded"}
        assert killed["state"] in wanted


@pytest.mark.parametrize(
    ("number", "group", "point"),
    [
        pytest.param(signal.SIGINT, True, "start", id="Ctrl-C at start"),
        pytest.param(signal.SIGINT, True, "health", id="Ctrl-C at wait"),
        pytest.param(signal.SIGTERM, False, "health", id="SIGTERM at wait"),
        pytest.param(signal.SIGHUP, False, "start", id="SIGHUP at start"),
    ],
)
def test_an_interrupted_release_is_undone(
    number: signal.Signals, group: bool, point: str, site: Stage
) -> None:
    """A terminal's Ctrl-C reaches the whole ``group``, Compose too."""
    version = site.ask().version
    with site.load() as load:
        running = _begun(
            site, f'"step_began", "key": "{point}"', "up", VERSION="never", NEVER_START="1"
        )
        running.signal(number, group=group)
        run = running.end().ended(130)
    assert f"interrupted by {number.name}" in run.err
    _is_undone(site, version, load.report().versions)


def _is_undone(stage: Stage, version: str, answered: list[str]) -> None:
    assert answered == [version]
    record = _record(stage)
    assert record["state"] == "interrupted"
    assert "interrupted" in record["reason"]
    assert len(stage.colours()) == 1
    assert stage.drift() == []


@pytest.mark.parametrize(
    ("number", "group"),
    [
        pytest.param(signal.SIGINT, True, id="Ctrl-C"),
        pytest.param(signal.SIGTERM, False, id="SIGTERM to docker"),
        pytest.param(signal.SIGKILL, False, id="SIGKILL to docker"),
    ],
)
def test_docker_is_interrupted_and_the_plugin_undoes(
    number: signal.Signals, group: bool, stages: Callable[..., Any], site: Stage
) -> None:
    """Ctrl-C reaches both; what only docker gets, the plugin learns from its socket."""
    version, before = site.ask().version, _record(site)["id"]
    with stages(plugin=True) as other, site.load() as load:
        running = _begun(
            replace(site, plugin=True),
            '"step_began", "key": "health"',
            "up",
            VERSION="never",
            NEVER_START="1",
            **{name: other.environment[name] for name in ("DOCKER_CONFIG", "DOCKER_HOST")},
        )
        running.signal(number, group=group)
        code = running.end().code
        eventually(lambda: _record(site)["state"] == "interrupted", "the end of the undoing")
    assert code in {130, -number, 128 + number}
    assert _record(site)["id"] == before + 1
    _is_undone(site, version, load.report().versions)


# ── two at once ──────────────────────────────────────────────────────────────────────────────


def test_only_one_at_a_time(site: Stage) -> None:
    version = site.ask().version
    first = _begun(site, '"step_began", "key": "health"', "up", VERSION="slow", NEVER_START="1")
    with site.step("the second is told who holds the lock"):
        for words in ("up --force", "rollback", "down"):
            run = site.bluegreen(*words.split(), VERSION="second").ended(5)
            assert _holder(site) in run.err
    with site.step("nothing moved, and only the first has a record"):
        site.serves(version)
        assert _record(site)["state"] == "starting"
    with site.step("a holder that is killed lets go"):
        first.signal(signal.SIGKILL)
        first.end()
        site.up("third")
        site.serves("third")


def _holder(stage: Stage) -> str:
    actor: str = _record(stage)["actor"]
    return f"{actor}, up web, since "


def test_two_first_releases_at_once(stage: Stage) -> None:
    """Before there is a proxy there is no lock in it: one of them makes it, one of them wins."""
    stage.write(web=service(f"{stage.port}:8080"))
    both = [stage.begin("up", VERSION=version) for version in ("v1", "v2")]
    codes = sorted(running.end().code for running in both)
    assert codes[0] == 0
    assert codes[1] in {0, 1, 5}
    assert stage.ask().version in {"v1", "v2"}
    stage.up("v3")
    stage.serves("v3")
    assert stage.drift() == []


def _begun(stage: Stage, point: str, *words: str, **environment: str) -> Running:
    """Up to that line of its progress."""
    running = stage.begin(*words, "--progress", "json", **environment)
    running.until(point)
    return running
