"""The JSON of answers, on which programs rely."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from compose_bluegreen.cli import output
from compose_bluegreen.cli.terminal import Terminal
from compose_bluegreen.domain.deployment import Deployment
from compose_bluegreen.domain.hints import Hint
from compose_bluegreen.inspection.drift import Drift, DriftKind
from testkit.answers import BACK, BUILDING, EAST, FAILED, IMAGE, START, UP, WELL, found

KEYS = {
    "id", "project", "services", "kind", "colour", "state", "image", "image_id", "repo_digest",
    "git_revision", "message", "actor", "started_at", "finished_at", "duration_s", "reason",
    "rollback_of", "restores", "engine", "parts",
}  # fmt: skip


def history(*deployments: Deployment, terminal: Terminal | None = None) -> list[str]:
    return output.history(deployments, "table", terminal or Terminal(), EAST).splitlines()


def history_json(*deployments: Deployment) -> Any:
    return json.loads(output.history(deployments, "json"))


def test_history_s_json_has_these_keys_and_no_others() -> None:
    assert [set(one) for one in history_json(BACK, UP, BUILDING)] == [KEYS] * 3


def test_history_s_json_holds_plain_values_in_utc() -> None:
    (one,) = history_json(UP)
    assert one["started_at"] == "2026-03-01T12:00:00.250Z"
    assert one["finished_at"] == "2026-03-01T12:00:03.750Z"
    assert one["duration_s"] == 3.5
    assert one["services"] == ["web"]
    assert (one["kind"], one["state"], one["colour"]) == ("up", "live", "green")
    assert (one["image"], one["image_id"], one["repo_digest"]) == (
        IMAGE.reference,
        IMAGE.id,
        IMAGE.repo_digest,
    )
    assert one["parts"] == [
        {
            "service": "web",
            "colour": "green",
            "image": IMAGE.reference,
            "image_id": IMAGE.id,
            "repo_digest": IMAGE.repo_digest,
            "live": True,
            "fingerprint": "f1",
        }
    ]


def test_what_is_not_known_yet_is_null() -> None:
    (one,) = history_json(BUILDING)
    unknown = (
        "colour",
        "image",
        "image_id",
        "repo_digest",
        "finished_at",
        "duration_s",
        "rollback_of",
    )
    assert [one[key] for key in unknown] == [None] * len(unknown)
    assert one["parts"] == []


def test_a_rollback_says_what_it_takes_back_and_what_it_restores() -> None:
    (one,) = history_json(BACK)
    assert (one["kind"], one["rollback_of"], one["restores"]) == ("rollback", 42, 41)


@pytest.mark.parametrize("format_", ["table", "json"])
def test_neither_model_nor_settings_are_ever_shown(format_: str) -> None:
    assert "hush" not in output.history([FAILED], format_, Terminal())
    assert "hush" not in output.show(FAILED, format_, Terminal())


def test_show_s_json_adds_the_steps() -> None:
    one = json.loads(output.show(FAILED, "json"))
    assert set(one) == KEYS | {"steps"}
    assert one["steps"][1] == {
        "key": "health",
        "name": "wait until web-green is healthy",
        "cause": "only healthy colours receive requests",
        "outcome": "failed",
        "started_at": "2026-03-01T12:00:00.250Z",
        "finished_at": "2026-03-01T12:02:05.250Z",
        "duration_s": 125.0,
        "detail": "line 1\n\x1b[31mline 2\x1b[0m\n",
    }
    assert one["steps"][2]["finished_at"] is None


def test_the_summary_for_programs_is_what_show_says_of_it() -> None:
    assert output.summary(FAILED, "json") == output.show(FAILED, "json")
    assert (output.summary(None), json.loads(output.summary(None, "json"))) == ("", None)


def test_status_s_json_has_the_promised_keys() -> None:
    drift = Drift(DriftKind.STRAY, "cause", Hint("cure"))
    answer = json.loads(output.status(found(WELL, drift=(drift,)), "127.0.0.1:8404", "json"))
    assert set(answer) == {
        "project",
        "proxy",
        "haproxy_version",
        "proxy_image_built_at",
        "proxy_image_outdated",
        "monitor",
        "under_way",
        "waiting",
        "services",
        "drift",
    }
    (service,) = answer["services"]
    assert set(service) == {
        "service",
        "live",
        "idle",
        "standby",
        "rollback_to",
        "rollback_image",
        "rollback_unsafe",
        "preview",
        "drift",
    }
    assert service["idle"] is None
    assert service["rollback_to"] == 41
    assert service["drift"] == [
        {"kind": "stray", "cause": "cause", "cure": "cure", "repairable": False}
    ]
    live = service["live"]
    assert {"colour", "deployment", "image_id"} <= set(live)
    assert (live["colour"], live["deployment"]) == ("green", 42)
    assert (live["image"], live["image_id"], live["repo_digest"]) == (
        IMAGE.reference,
        IMAGE.id,
        IMAGE.repo_digest,
    )
    assert live["since"] == "2026-03-01T12:00:00.250Z"
    assert live["servers"] == [{"address": "10.0.0.2:8080", "status": "UP", "check": "L7OK"}]


def test_status_s_json_says_null_where_nothing_is_live() -> None:
    answer = json.loads(output.status(found(live=False), None, "json"))
    assert answer["services"][0]["live"] is None
    assert answer["monitor"] is None
    assert answer["proxy_image_built_at"] is None


def test_status_s_json_says_when_the_proxy_s_image_was_built() -> None:
    status = replace(found(WELL), proxy_image_built_at=START)
    assert json.loads(output.status(status, None, "json"))["proxy_image_built_at"] == (
        "2026-03-01T12:00:00.250Z"
    )


def test_status_s_json_says_null_where_nothing_waits() -> None:
    answer = json.loads(output.status(found(live=False), None, "json"))
    assert answer["waiting"] is None
