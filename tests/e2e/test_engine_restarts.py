"""The Docker daemon goes, or containerd, orderly and not, between deployments and during one.

The right colour serves again with nobody's help, and the deployment says what became of it.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.client import HTTPException
from typing import Any

import pytest

from testkit.own_engine import OwnEngine
from testkit.stage import Answer, Stage, service
from testkit.waiting import eventually

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def site(stages: Callable[..., Any], daemon: OwnEngine) -> Iterator[Stage]:
    """A stage whose project runs on the test's own engine, in its second release: green."""
    with stages() as stage:
        stage.environment["DOCKER_HOST"] = daemon.host
        stage.write(web=service(f"{stage.port}:8080"))
        stage.up("v1")
        stage.up("v2")
        yield stage
        stage.bluegreen("down").ended(0)


def _answer(site: Stage, daemon: OwnEngine) -> Answer | None:
    """None where nobody answers well."""
    with suppress(OSError, HTTPException):
        found = site.ask(host=daemon.address)
        return found if found.status == 200 else None
    return None


def _restart(number: signal.Signals) -> Callable[[OwnEngine], None]:
    def restarted(daemon: OwnEngine) -> None:
        daemon.end(number)
        daemon.start()

    return restarted


WAYS = [
    pytest.param(_restart(signal.SIGTERM), id="the daemon is restarted"),
    pytest.param(_restart(signal.SIGKILL), id="the daemon is killed"),
    pytest.param(OwnEngine.kill_containerd, id="containerd is killed"),
]


@pytest.mark.parametrize("befalls", WAYS)
def test_between_deployments(
    befalls: Callable[[OwnEngine], None], site: Stage, daemon: OwnEngine
) -> None:
    before = _answer(site, daemon)
    assert before
    befalls(daemon)

    def serves() -> bool:
        found = _answer(site, daemon)
        return found is not None and (found.version, found.colour) == (
            before.version,
            before.colour,
        )

    with site.step("the right colour serves, with no command of ours"):
        eventually(serves, f"{before.version} from {before.colour}, as before")
    with site.step("and nothing differs"):
        eventually(lambda: site.drift() == [], "no drift")


@pytest.mark.parametrize("befalls", WAYS)
def test_after_another_haproxy_took_over(
    befalls: Callable[[OwnEngine], None], site: Stage, daemon: OwnEngine
) -> None:
    """Its predecessor serves until a command lets it take over again."""
    before = _answer(site, daemon)
    assert before
    site.bluegreen("proxy", "recreate").ended(0)
    befalls(daemon)
    with site.step("the same version serves, with no command of ours"):
        eventually(
            lambda: (found := _answer(site, daemon)) and found.version == before.version,
            before.version,
        )
    with site.step("repair lets it take over again, if it ended"):
        kinds = [difference["kind"] for difference in site.drift()]
        assert kinds == ([] if befalls is OwnEngine.kill_containerd else ["proxy_substituted"])
        site.bluegreen("repair").ended(0)
        assert site.drift() == []
        assert _answer(site, daemon) is not None


def test_while_one_waits(site: Stage, daemon: OwnEngine) -> None:
    """It is there again, and only a person lets visitors meet it."""
    before = _answer(site, daemon)
    assert before
    new = f"{before.version}w"
    site.up(new, "--no-switch")
    _restart(signal.SIGKILL)(daemon)
    eventually(lambda: _answer(site, daemon), "an answer")
    site.serves(before.version, host=daemon.address)
    site.bluegreen("repair").ended(0)
    eventually(lambda: site.drift() == [], "no drift")
    site.bluegreen("promote").ended(0)
    site.serves(new, host=daemon.address)


@pytest.mark.parametrize(
    ("befalls", "point"),
    [
        pytest.param(_restart(signal.SIGTERM), "health", id="restarted before the switch"),
        pytest.param(_restart(signal.SIGKILL), "health", id="killed before the switch"),
        pytest.param(_restart(signal.SIGKILL), "drain", id="killed after the switch"),
        pytest.param(OwnEngine.kill_containerd, "health", id="containerd is killed"),
    ],
)
def test_during_a_deployment(
    befalls: Callable[[OwnEngine], None], point: str, site: Stage, daemon: OwnEngine
) -> None:
    """Before the switch the old version serves on, after it the new one, whatever the command says."""
    before = _answer(site, daemon)
    assert before
    new = f"{before.version}+"
    delay = "2" if point == "health" else "0"
    running = site.begin("up", "--progress", "json", VERSION=new, START_DELAY=delay)
    running.until(f'"step_began", "key": "{point}"')
    befalls(daemon)
    run = running.end()
    with site.step("what the command said is so"):
        wanted = new if run.code == 0 or point == "drain" else before.version
        assert run.code in {0, 1, 4}, run
        told = {new} if run.code == 0 else {before.version, new} if run.code == 4 else {wanted}
        eventually(lambda: (one := _answer(site, daemon)) and one.version in told, f"{told}")
    with site.step("the next release settles it"):
        site.up(f"{new}!")
        site.serves(f"{new}!", host=daemon.address)
        assert site.drift() == []
