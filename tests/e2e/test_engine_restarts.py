"""The Docker daemon goes, orderly and not: the right colour serves again with nobody's help."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.client import HTTPException
from typing import Any

import pytest

from compose_bluegreen.adapters.haproxy.container import image
from compose_bluegreen.routing import Topology
from tests.e2e.own_engine import OwnEngine, own_engine
from tests.e2e.stage import SAMPLE, Stage, eventually, service

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def daemon(
    stages: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OwnEngine]:
    """With the images that a release there needs; the proxy's is built by a release on the machine's."""
    with stages() as first:
        first.write(web=service(f"{first.port}:8080"))
        first.up("v1")
    with own_engine(tmp_path_factory.mktemp("engine")) as engine:
        engine.borrow((SAMPLE, image(Topology("any"))))
        yield engine


@pytest.fixture
def away(stages: Callable[..., Any], daemon: OwnEngine) -> Iterator[Stage]:
    """A stage whose project runs on the test's own engine, in its second release: green."""
    with stages() as stage:
        stage.environment["DOCKER_HOST"] = daemon.host
        stage.write(web=service(f"{stage.port}:8080"))
        stage.up("v1")
        stage.up("v2")
        yield stage
        stage.bluegreen("down").ended(0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_the_live_colour_serves_again_after_the_daemon_was(
    number: signal.Signals, away: Stage, daemon: OwnEngine
) -> None:
    def serves() -> bool:
        with suppress(OSError, HTTPException):
            found = away.ask(host=daemon.address)
            return (found.status, found.version, found.colour) == (200, "v2", "green")
        return False

    with away.step("it serves before"):
        eventually(serves, "v2 from green")
    with away.step(f"the daemon goes by {number.name} and comes back"):
        daemon.end(number)
        daemon.start()
    with away.step("the right colour serves, with no command of ours"):
        eventually(serves, "v2 from green, after the daemon came back")
    with away.step("and the next release finds its way"):
        away.up("v3")
        away.serves("v3", host=daemon.address)
        assert away.drift() == []
