"""Two at once, from two machines: two state folders, one engine."""

from __future__ import annotations

import json
import re
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from compose_bluegreen.adapters.compose.client import WhalesCompose
from compose_bluegreen.adapters.connection.client import connect
from compose_bluegreen.adapters.haproxy.proxy import HaproxyProxy
from compose_bluegreen.adapters.system.children import Children
from compose_bluegreen.adapters.system.private_files import Scratch
from compose_bluegreen.config.requests import ProjectLocation
from compose_bluegreen.domain.errors import LockHeld
from compose_bluegreen.ports.lock import LockOwner
from testkit.commands import Running
from testkit.stage import Model, Stage, service
from testkit.waiting import eventually

pytestmark = pytest.mark.engine

NEVER = {"VERSION": "never", "NEVER_START": "1"}
WAITS = '"step_began", "key": "health"'


@pytest.fixture(scope="module")
def here(shared: Stage) -> Stage:
    shared.write(web=service(f"{shared.port}:8080"))
    shared.up("v1")
    return shared


@pytest.fixture(scope="module")
def there(here: Stage, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """The same project, typed at another machine."""
    state = tmp_path_factory.mktemp("elsewhere")
    return replace(here, environment=here.environment | {"XDG_STATE_HOME": str(state)})


@pytest.fixture
def holder(here: Stage) -> Iterator[Running]:
    """A deployment that is under way as long as it is wanted."""
    running = _begun(here)
    yield running
    running.give_up()
    eventually(lambda: _lock(here) is None, "a lock that is free")


def _begun(stage: Stage, *words: str) -> Running:
    running = stage.begin("up", "--progress", "json", *words, **NEVER)
    running.until(WAITS)
    return running


def _lock(stage: Stage) -> Model | None:
    answer = stage.bluegreen("lock", "status", "--format", "json").ended(0)
    found: Model | None = json.loads(answer.out)["holder"]
    return found


def test_the_other_machine_is_told_who_since_when_for_what(
    holder: Running, here: Stage, there: Stage
) -> None:
    for words in ("up --force", "down"):
        run = there.bluegreen(*words.split(), VERSION="second").ended(5)
        assert re.search(r"is under way: \S+@\S+, up web, since \d\d:\d\d:\d\d", run.err)
        assert "--wait" in run.err
    found = _lock(there)
    assert found is not None
    assert found["what"] == "up web"
    there.serves("v1")


def test_reading_commands_wait_for_nobody_and_say_what_is_under_way(
    holder: Running, here: Stage, there: Stage
) -> None:
    for stage in (here, there):
        under_way = stage.status()["under_way"]
        assert under_way["what"] == "up web"
    assert here.status()["under_way"]["key"] == "health"
    assert here.drift() == []
    assert "under way by" in there.bluegreen("status").ended(0).out
    here.history()
    here.bluegreen("logs", "--tail", "1").ended(0)


def test_whoever_waits_says_so_and_comes_after(holder: Running, there: Stage) -> None:
    run = there.bluegreen("up", "--wait", "1s", VERSION="second").ended(5)
    assert "waiting up to 1s: another deployment" in run.err
    patient = there.begin("up", "--wait", "80s", VERSION="after-a-wait")
    patient.until("waiting up to 1m20s")
    holder.signal(signal.SIGINT)
    assert holder.end().code == 130
    patient.end().ended(0)
    there.serves("after-a-wait")


def test_a_holder_that_died_is_succeeded_by_whoever_waits(holder: Running, there: Stage) -> None:
    patient = there.begin("up", "--wait", "80s", VERSION="after-a-death")
    patient.until("waiting up to 1m20s")
    holder.signal(signal.SIGKILL)
    patient.end().ended(0)
    there.serves("after-a-death")


def test_a_restart_of_the_proxy_gives_nobody_the_lock_of_one_that_lives(
    holder: Running, here: Stage, there: Stage
) -> None:
    """All shells in it die, and the lock is free for a moment."""
    patient = there.begin("up", "--wait", "4s", VERSION="thief")
    patient.until("waiting up to 4s")
    here.docker("restart", here.proxy)
    patient.end().ended(5)
    assert holder.process.poll() is None
    assert here.status()["under_way"] is not None


def test_a_holder_that_was_asleep_meanwhile_finds_its_lock_gone_and_touches_nothing(
    holder: Running, here: Stage, there: Stage
) -> None:
    holder.signal(signal.SIGSTOP)
    here.docker("restart", here.proxy)
    there.up("while-asleep", "--wait", "60s")
    before = here.containers(), here.history("--limit", "1")
    holder.signal(signal.SIGCONT)
    run = holder.end().ended(5)
    assert "has lost its lock" in run.err
    assert "undone" not in run.err
    assert (here.containers(), here.history("--limit", "1")) == before
    here.serves("while-asleep")


def test_a_lock_that_is_released_by_force_ends_its_command_before_its_next_step(
    holder: Running, here: Stage, there: Stage
) -> None:
    version = here.ask().version
    told = there.bluegreen("lock", "release").ended(0).out
    assert re.search(r"taken from \S+@\S+, up web, since", told)
    run = holder.end().ended(5)
    assert "released by force" in run.err
    assert "undone" not in run.err
    with here.step("what it left is told, and cleared away by the next"):
        (drift,) = here.status()["drift"]
        assert drift["kind"] == "unfinished"
        assert drift["cure"].startswith("docker bluegreen up")
        here.serves(version)
        run = here.up("after-a-release")
        assert re.search(r"deployment \d+ stopped at “wait until web-", run.err)
        assert here.drift() == []
    assert "no lock to release" in there.bluegreen("lock", "release").ended(0).out


def test_of_many_at_once_exactly_one_has_it_in_each_round(here: Stage, tmp_path: Path) -> None:
    many, rounds = 6, 8
    start, end = threading.Barrier(many), threading.Barrier(many)
    won: list[int] = []

    def contend(number: int) -> None:
        api = connect()
        scratch = Scratch(tmp_path)
        children = Children(scratch, here.project, lambda: "any")
        compose = WhalesCompose(ProjectLocation(), here.project, scratch, children)
        proxy = HaproxyProxy(here.project, api, compose)
        for each in range(rounds):
            start.wait(60)
            try:
                with proxy.lock.hold(LockOwner(f"{number}@machine", "up web", datetime.now(UTC))):
                    won.append(each)
                    end.wait(60)
            except LockHeld:
                end.wait(60)
        proxy.close()
        api.close()

    threads = [threading.Thread(target=contend, args=[number]) for number in range(many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == list(range(rounds))


def test_two_first_releases_at_once_from_two_machines(
    stages: Callable[..., Any], tmp_path: Path
) -> None:
    """Before there is a proxy there is no lock in it: one makes it, and nobody breaks it."""
    with stages() as here:
        here.write(web=service(f"{here.port}:8080"))
        there = replace(here, environment=here.environment | {"XDG_STATE_HOME": str(tmp_path)})
        both = [stage.begin("up", VERSION=name) for stage, name in ((here, "v1"), (there, "v2"))]
        runs = [running.end() for running in both]
        assert sorted(run.code for run in runs) in ([0, 0], [0, 5]), "\n".join(map(str, runs))
        assert here.ask().version in {"v1", "v2"}
        assert len(here.named("network")) == len(set(here.named("network")))
        here.up("v3")
        here.serves("v3")
        assert {one["kind"] for one in here.drift()} <= {"history_differs"}
