"""A HEALTHCHECK that hangs ends with its deadline, and with it its process in the container."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from compose_bluegreen.adapters.compose.engine import SdkEngine
from compose_bluegreen.adapters.connection.client import connect
from testkit.commands import Running
from testkit.sources import SAMPLE
from testkit.stage import Stage, service

pytestmark = pytest.mark.engine

HANGS = "sleep 1000; true"


def begun(stage: Stage, timeout: str, replicas: int = 1) -> Running:
    """An ``up`` that waits for a HEALTHCHECK that hangs."""
    check = {"test": ["CMD-SHELL", HANGS], "interval": "30s", "timeout": timeout}
    stage.write(web=service(f"{stage.port}:8080", healthcheck=check, deploy={"replicas": replicas}))
    running = stage.begin("up", "--timeout", "5s", "--progress", "json", VERSION="v1")
    running.until('"step_began", "key": "health')
    return running


@pytest.mark.parametrize(("timeout", "hung_for"), [("60s", "4."), ("2s", "2s")])
def test_up_ends_in_time_and_says_that_the_check_hangs(
    timeout: str, hung_for: str, stages: Callable[..., Any]
) -> None:
    """The first of both deadlines counts: that of the HEALTHCHECK, or that of the release."""
    with stages() as stage:
        run = begun(stage, timeout).end().ended(1)
        assert f"its HEALTHCHECK hangs: it did not end within {hung_for}" in run.err
        waited = run.moment('"step_ended", "key": "health') - run.moment('began", "key": "health')
        assert waited < 5 + 2, run


@pytest.mark.parametrize("replicas", [1, 3])
def test_promote_ends_in_time_and_says_that_the_check_hangs(
    replicas: int, stages: Callable[..., Any]
) -> None:
    with stages() as stage:
        hangs_later = "if [ -e /tmp/hang ]; then sleep 1000; fi"
        check = {"test": ["CMD-SHELL", hangs_later], "interval": "1h", "timeout": "60s"}
        stage.write(
            web=service(f"{stage.port}:8080", healthcheck=check, deploy={"replicas": replicas})
        )
        stage.up("v1")
        stage.up("v2", "--no-switch")
        for number in range(1, replicas + 1):
            name = stage.container("green", number=number)
            stage.docker("exec", "--user", "root", name, "touch", "/tmp/hang")  # noqa: S108
        run = stage.bluegreen("promote", "--timeout", "5s", "--progress", "json").ended(1)
        assert "its HEALTHCHECK hangs: it did not end within " in run.err
        assert run.heard[-1].moment - run.heard[0].moment < 5 + 2, run
        stage.serves("v1")


def test_one_interrupt_is_enough_with_any_number_of_replicas(stages: Callable[..., Any]) -> None:
    with stages() as stage:
        running = begun(stage, "60s", replicas=4)
        time.sleep(1.5)  # the checks hang by now
        interrupted = time.monotonic()
        running.signal(signal.SIGINT)
        run = running.end()
        assert run.code != 0
        assert run.moment('"undo') - interrupted < 2, run
        assert stage.colours() == []


def test_nothing_of_it_stays_in_the_container(stage: Stage, sample: str) -> None:
    name = f"{stage.project}-checked"
    stage.docker("run", "--detach", "--name", name, "--health-cmd", HANGS, SAMPLE)
    api = connect()
    try:
        engine = SdkEngine(api)
        (container,) = [found for one in [name] if (found := engine._container(one))]
        failed = engine.probe(container, timedelta(seconds=2))
    finally:
        api.close()
    assert failed
    assert failed.hung_for == timedelta(seconds=2)
    deadline = time.monotonic() + 5
    while "sleep 1000" in stage.docker("top", name):
        assert time.monotonic() < deadline, "the HEALTHCHECK still runs"
        time.sleep(0.1)
    assert json.loads(stage.docker("inspect", "--format", "{{json .State.Running}}", name))
    stage.docker("rm", "--force", name)
