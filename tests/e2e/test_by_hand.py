"""By hand: what is proven waits and can be previewed, and only a person lets visitors meet it."""

from __future__ import annotations

import json
import signal
from contextlib import suppress
from http.client import HTTPException

import pytest

from testkit.stage import Answer, Stage, free_port, service
from testkit.waiting import eventually

pytestmark = pytest.mark.engine

KEY = "a-key-nobody-guesses"
HEADER = {"X-Bluegreen": KEY}
COOKIE = {"Cookie": f"theme=dark; bluegreen-preview={KEY}"}
WRONG = {"X-Bluegreen": "idle", "Cookie": "bluegreen-preview=green"}


def written(stage: Stage, **preview: object) -> None:
    own = {"health": {"path": "/healthz"}, "drain_timeout": "5s", "preview": preview}
    stage.write(web=service(f"{stage.port}:8080", **{"x-bluegreen": own}))


def met(answer: Answer) -> str:
    """A version, or the status code of what is none."""
    return answer.version if answer.status == 200 else str(answer.status)


def test_a_release_waits_is_previewed_and_promoted_and_nobody_else_meets_it(stage: Stage) -> None:
    port = free_port()
    written(stage, key=KEY, port=port)
    stage.up("v1")

    def previews() -> list[str]:
        with suppress(OSError, HTTPException):
            asked = (stage.ask(headers=HEADER), stage.ask(headers=COOKIE), stage.ask(port=port))
            return [met(one) for one in asked]
        return []

    with stage.step("nothing waits, and it says so"):
        assert previews() == ["503"] * 3
        assert b"Nothing waits here" in stage.ask(headers=HEADER).body
    with stage.load(), stage.step("the second waits"):
        run = stage.up("v2", "--no-switch", "--message", "for ada to see")
        assert "web-green waits; docker bluegreen promote switches" in run.out
        assert previews() == ["v2"] * 3
        assert [met(stage.ask()), met(stage.ask(headers=WRONG))] == ["v1", "v1"]
        waiting = stage.status()["waiting"]
        assert (waiting["deployment"], waiting["colours"]) == (2, {"web": "green"})
        stage.bluegreen("status", "--check").ended(0)
    with stage.step("a container of the project doesn't get to it by the port"):
        internal_port = stage.inspect(stage.proxy)["HostConfig"]["PortBindings"]
        (inner,) = [one for one, how in internal_port.items() if how[0]["HostPort"] == str(port)]
        assert internal_port[inner][0]["HostIp"] == "127.0.0.1"
        ask = (
            "import urllib.request, urllib.error\n"
            f"try: urllib.request.urlopen('http://web:{inner.removesuffix('/tcp')}/')\n"
            "except urllib.error.HTTPError as error: print(error.code)"
        )
        image, network = stage.inspect(stage.container("blue"))["Image"], f"{stage.project}_default"
        said = stage.docker("run", "--rm", "--network", network, image, "python3", "-c", ask)
        assert said == "403"
    with stage.step("the proxy restarts, and a new one is made"):
        stage.docker("restart", stage.proxy)
        eventually(lambda: previews() == ["v2"] * 3, "the preview, after a restart")
        stage.bluegreen("proxy", "recreate").ended(0)
        eventually(lambda: previews() == ["v2"] * 3, "the preview, by a new proxy")
        stage.serves("v1")
        assert stage.drift() == []
    with stage.load(), stage.step("it is promoted"):
        run = stage.bluegreen("promote").ended(0)
        assert "deployment 2: web-green live" in run.out
        stage.serves("v2")
    with stage.step("and there is nothing to preview any more"):
        assert previews() == ["503"] * 3
        assert [one["state"] for one in stage.history()] == ["live", "superseded"]
        steps = [one["key"] for one in stage.show(2)["steps"]]
        assert steps.index("hold") < steps.index("switch")
        assert stage.drift() == []


def test_what_waits_gives_way_to_an_up_and_goes_by_an_abort(stage: Stage) -> None:
    written(stage, key="idle", only_from=["10.99.0.0/16"])
    stage.up("v1")
    with stage.load():
        stage.up("v2", "--no-switch")
        with stage.step("a key that isn't for us is no key"):
            assert met(stage.ask(headers={"X-Bluegreen": "idle"})) == "v1"
        with stage.step("another takes its place"):
            run = stage.up("v3", "--no-switch")
            assert "remove waiting deployment 2" in run.err
            reason = stage.show(2)["reason"]
            assert reason.endswith("deployment 3 replaced it")
        with stage.step("abort removes it"):
            stage.bluegreen("abort").ended(0)
            assert stage.colours() == ["blue"]
            assert stage.status()["waiting"] is None
        with stage.step("what is sick keeps waiting"):
            stage.up("v4", "--no-switch", SICK_AFTER="2")
            stage.docker("stop", "--time", "0", stage.container("green"))
            run = stage.bluegreen("promote", "--format", "json").ended(1)
            assert json.loads(run.out) is None
            assert "deployment 4 keeps waiting: web-green is not running" in run.err
            (drift,) = stage.drift()
            assert drift["kind"] == "waiting_unwell"
            taken = json.loads(stage.bluegreen("abort", "--format", "json").ended(0).out)
            assert (taken["id"], taken["state"]) == (4, stage.show(4)["state"])
        stage.serves("v1")
    assert stage.drift() == []


@pytest.mark.parametrize(
    ("point", "ends"),
    [("promote:health", "waiting"), ("verify", "live"), ("drain", "live")],
)
def test_a_promotion_that_is_killed_loses_nothing_and_can_be_given_again(
    shared: Stage, point: str, ends: str
) -> None:
    stage = shared
    version = point.partition(":")[0]
    written(stage)
    stage.up(f"{version}-old")
    stage.up(version, "--no-switch")
    number = stage.history()[0]["id"]
    with stage.load():
        running = stage.begin("promote", "--progress", "json")
        running.until(f'"step_began", "key": "{point}"')
        running.signal(signal.SIGKILL)
        running.end()
        if ends == "waiting":
            assert stage.status()["waiting"]["deployment"] == number
        # The kill may come when the step has ended and the promotion is recorded.
        recorded = stage.history("--limit", "1")[0]["state"] == "live"
        again = stage.bluegreen("promote", "--progress", "plain")
        stage.serves(version)
    assert again.code == (1 if recorded else 0), again
    assert recorded or point != "drain"
    found = stage.history("--limit", "1")[0]
    assert (found["id"], found["state"]) == (number, "live"), json.dumps(found, indent=1)
    stage.bluegreen("up", VERSION=version)
    assert stage.drift() == []
