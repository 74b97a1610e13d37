"""A replica or the proxy dies, between deployments and during one: nobody has to help."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from testkit.load import Mix, Outcome, Report
from testkit.stage import Stage, service
from testkit.waiting import eventually

pytestmark = pytest.mark.engine

GETS = Mix.only(new_per_s=60, keep_alive=3, keep_alive_per_s=20)

OUT_OF_MEMORY = "x = [bytearray(1 << 20) for _ in range(400)]"


@pytest.fixture(scope="module")
def two(stages: Callable[..., Any]) -> Iterator[Stage]:
    """Two replicas of a service that may use 128 MiB each."""
    with stages() as stage:
        stage.write(
            web=service(
                f"{stage.port}:8080", deploy={"replicas": 2}, mem_limit="128m", memswap_limit="128m"
            )
        )
        stage.up("v1")
        yield stage


def _run_out_of_memory(stage: Stage, name: str) -> None:
    """Somebody else in the container uses it up, and the kernel takes the service for it."""
    state = stage.inspect(name)["State"]
    began = state["StartedAt"]
    Path(f"/proc/{state['Pid']}/oom_score_adj").write_text("1000", encoding="utf-8")
    stage.begin_docker("exec", name, "python3", "-c", OUT_OF_MEMORY)

    def died() -> bool:
        return bool(stage.inspect(name)["State"]["StartedAt"] != began)

    eventually(died, f"{name} killed by the kernel, and started again by Docker")


def _nothing_is_lost(report: Report) -> None:
    """But an answer that its replica, which writes one at a time, died in the middle of: its head was
    on the way to the visitor, and nobody can take that back."""
    half = [one for one in report.failed if one.outcome is Outcome.TRUNCATED]
    assert len(half) <= 1, report.describe()
    assert [one for one in report.failed if one not in half] == [], report.describe()


def test_with_two_replicas_no_idempotent_request_is_lost_when_one_dies(two: Stage) -> None:
    name = two.container(two.ask().colour, number=1)
    with two.load(GETS, lossless=False) as load:
        _run_out_of_memory(two, name)
        eventually(lambda: two.drift() == [], "both serve again")
    _nothing_is_lost(load.report())


def test_during_a_deployment_too(two: Stage) -> None:
    """The new colour is starting while a replica of the old one dies."""
    name = two.container(two.ask().colour, number=2)
    with two.load(GETS, lossless=False) as load:
        running = two.begin("up", "--progress", "json", VERSION="v2", START_DELAY="3")
        running.until('"step_began", "key": "health"')
        _run_out_of_memory(two, name)
        running.end().ended(0)
    _nothing_is_lost(load.report())
    two.serves("v2")
    assert two.drift() == []


@pytest.mark.parametrize("point", ["health", "drain"])
def test_the_proxy_is_restarted_during_a_deployment(point: str, two: Stage) -> None:
    """The command waits for it, holds its lock again, and finishes."""
    new = f"restarted-at-{point}"
    running = two.begin("up", "--progress", "json", VERSION=new, START_DELAY="2")
    running.until(f'"step_began", "key": "{point}"')
    two.docker("restart", two.proxy)
    running.end().ended(0)
    two.serves(new)
    assert two.drift() == []


def test_the_proxy_is_killed_by_hand_during_a_deployment(two: Stage) -> None:
    """What a person has killed, Docker leaves so: the command says that it can't go on."""
    before = two.ask()
    running = two.begin("up", "--progress", "json", VERSION="never", START_DELAY="4")
    running.until('"step_began", "key": "health"')
    two.docker("kill", two.proxy)
    run = running.end()
    assert run.code in {1, 4}, run
    assert "isn't running" in run.err
    with two.step("started again, it serves what served before"):
        two.docker("start", two.proxy)

        def serves() -> bool:
            with suppress(OSError, HTTPException):
                found = two.ask()
                return (found.version, found.colour) == (before.version, before.colour)
            return False

        eventually(serves, f"{before.version} from {before.colour}")
    with two.step("and the next release settles the rest"):
        two.up("after-the-kill")
        two.serves("after-the-kill")
        assert two.drift() == []
