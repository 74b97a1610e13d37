"""The keys of the JSON answers are a contract with other programs."""

from __future__ import annotations

import re
from datetime import datetime

import pytest

from testkit.stage import Model, Stage, service

pytestmark = pytest.mark.engine

DEPLOYMENT = {
    "id": int,
    "project": str,
    "services": list,
    "colour": str | None,
    "state": str,
    "image": str | None,
    "image_id": str | None,
    "repo_digest": str | None,
    "git_revision": str | None,
    "message": str,
    "actor": str,
    "started_at": str,
    "finished_at": str | None,
    "duration_s": float | None,
    "reason": str,
    "rollback_of": int | None,
}
SERVICE = {
    "service": str,
    "live": dict | None,
    "idle": dict | None,
    "rollback_to": int | None,
    "drift": list,
}


def _keeps(contract: Model, found: Model) -> None:
    """At least those keys, and of those types."""
    assert contract.keys() <= found.keys()
    wrong = {key: found[key] for key, kind in contract.items() if not isinstance(found[key], kind)}
    assert not wrong


@pytest.fixture(scope="module")
def told(shared: Stage) -> Stage:
    """Two releases, one that failed, and a rollback."""
    shared.write(web=service(f"{shared.port}:8080"))
    shared.docker("version")
    shared.up("v1", "--message", "the first")
    shared.up("v2", "-m", "the “second”")
    shared.bluegreen("up", "--timeout", "1s", VERSION="v3", NEVER_START="1").ended(1)
    shared.bluegreen("rollback", "-m", "too second").ended(0)
    return shared


def test_history_as_json(told: Stage) -> None:
    history = told.history()
    for one in history:
        _keeps(DEPLOYMENT, one)
        assert one["project"] == told.project
        assert one["services"] == ["web"]
        assert re.fullmatch(r"sha256:[0-9a-f]{64}", one["image_id"])
        assert "@" in one["actor"]
        began, ended = (datetime.fromisoformat(one[key]) for key in ("started_at", "finished_at"))
        assert began.utcoffset() == ended.utcoffset()
        assert one["started_at"].endswith("Z")
        assert (ended - began).total_seconds() == pytest.approx(one["duration_s"], abs=0.002)
    assert [(one["id"], one["state"], one["colour"]) for one in history] == [
        (4, "live", "blue"),
        (3, "failed", "blue"),
        (2, "rolled_back", "green"),
        (1, "superseded", "blue"),
    ]
    assert [one["rollback_of"] for one in history] == [2, None, None, None]
    assert [one["message"] for one in history] == ["too second", "", "the “second”", "the first"]
    assert [bool(one["reason"]) for one in history] == [False, True, False, False]


def test_history_of_a_service_and_as_many_as_wanted(told: Stage) -> None:
    assert [one["id"] for one in told.history("web", "--limit", "2")] == [4, 3]
    assert told.history("nobody") == []


def test_history_as_a_table_is_for_people(told: Stage) -> None:
    lines = told.bluegreen("history").ended(0).out.splitlines()
    assert len(lines) == 5
    assert lines[0].split()[:3] == ["ID", "STATE", "SERVICES"]
    assert "the “second”" in lines[3]


def test_show_has_the_steps(told: Stage) -> None:
    shown = told.show(2)
    _keeps(DEPLOYMENT, shown)
    names = [step["name"] for step in shown["steps"]]
    wanted = ["start web-green", "switch to web-green", "drain web-blue", "remove web-blue"]
    assert [name for name in names if name in wanted] == wanted
    for step in shown["steps"]:
        assert step["outcome"] == "done"
        assert step["cause"]
        assert step["duration_s"] >= 0
    said = told.bluegreen("show", "2").ended(0).out
    assert all(name in said for name in wanted)
    assert "no deployment 9" in told.bluegreen("show", "9").ended(2).err


def test_status_as_json(told: Stage) -> None:
    status = told.status()
    assert status["project"] == told.project
    (web,) = status["services"]
    _keeps(SERVICE, web)
    _keeps({"colour": str, "deployment": int, "image_id": str}, web["live"])
    assert (web["live"]["colour"], web["live"]["deployment"]) == ("blue", 4)
    assert web["live"]["image_id"] == told.history()[0]["image_id"]
    assert [one["status"] for one in web["live"]["servers"]] == ["UP"]
    assert (web["idle"], web["rollback_to"], web["drift"]) == (None, None, [])


def test_status_as_a_table_is_for_people(told: Stage) -> None:
    said = told.bluegreen("status").ended(0).out
    assert "web" in said
    assert "blue" in said


def test_nothing_is_said_of_secrets(told: Stage) -> None:
    """The resolved environment is in the record, for rollback needs it, and in no answer."""
    said = [told.bluegreen(*words.split()).out for words in ("history", "show 1", "status")]
    said += [str(told.history()), str(told.show(1)), str(told.status())]
    assert not any("VERSION" in one for one in said)


def test_down_leaves_only_history(stage: Stage) -> None:
    stage.write(
        web=service(f"{stage.port}:8080", depends_on=["db"]),
        db={"image": "debian:trixie-slim", "command": "sleep infinity", "init": True},
    )
    stage.up("v1")
    before = stage.history()
    with stage.step("down"):
        stage.bluegreen("down").ended(0)
        assert stage.containers() == []
        assert stage.named("network") == [f"{stage.project}_default"]
        assert stage.named("volume") == [f"{stage.companion}_history"]
    with stage.step("the base project is compose's"):
        assert stage.containers(ours=False, running=True) == [f"{stage.project}-db-1"]
    with stage.step("history stays, and knows"):
        (record,) = stage.history()
        assert record == {**before[0], "state": "removed", "parts": record["parts"]}
        found = stage.status()
        assert found["services"] == found["drift"] == []
    with stage.step("a second time there is nothing to do"):
        assert "compose-bluegreen runs nothing" in stage.bluegreen("down").ended(1).err
    with stage.step("rollback starts it again, from the record"):
        stage.bluegreen("rollback", "--to", "1").ended(0)
        stage.serves("v1")
