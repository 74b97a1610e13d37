"""The answers on stdout: what people see, and what programs may rely on."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from compose_bluegreen.cli import output
from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.cli.terminal import Terminal
from compose_bluegreen.deployment.pending import DECIDE
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.deployment import Deployment, StepRecord
from compose_bluegreen.domain.hints import Hint
from compose_bluegreen.domain.plan import PlannedStep
from compose_bluegreen.domain.states import Outcome, State
from compose_bluegreen.domain.step_keys import StepKey, StepKind
from compose_bluegreen.domain.topology import Change
from compose_bluegreen.inspection.drift import Drift, DriftKind
from compose_bluegreen.inspection.status import Status, UnderWay
from compose_bluegreen.ports.lock import LockOwner
from compose_bluegreen.ports.proxy import ServerHealth, ServingHaproxy
from testkit.answers import BACK, BUILDING, EAST, FAILED, IMAGE, START, UP, WELL, found, part


def history(*deployments: Deployment, terminal: Terminal | None = None) -> list[str]:
    return output.history(deployments, "table", terminal or Terminal(), EAST).splitlines()


def test_history_is_a_table_in_local_time_in_the_order_given() -> None:
    head, *rows = history(BACK, UP)
    assert head.split("  ")[:3] == ["ID", "STATE", "SERVICES"]
    assert rows == [
        "43  live   web       green   ab12ab12ab12  2026-03-01 14:00:00  3.5s  rollback to 41: oh",
        "42  live   web       green   ab12ab12ab12  2026-03-01 14:00:00  3.5s  greets",
    ]


def test_a_deployment_that_has_no_images_yet_is_in_it_too() -> None:
    _, row = history(BUILDING)
    assert row.split() == ["44", "preparing", "web", "2026-03-01", "14:00:00"]


def test_a_release_of_several_services_is_one_row() -> None:
    both = replace(UP, services=("api", "web"), parts=(part("api", Colour.BLUE), part()))
    _, row = history(both)
    assert "api,web" in row
    assert "blue,green" in row


def test_an_empty_history_names_the_first_command() -> None:
    assert history() == ["no deployments yet; docker bluegreen up makes the first"]


def test_a_narrow_terminal_cuts_the_note_and_nothing_else() -> None:
    long = replace(UP, message="a message that goes on and on and on and on and on and on and on")
    _, row = history(long, terminal=Terminal(width=100, symbols=True))
    assert len(row) == 100
    assert row.endswith("…")


def test_a_message_can_not_break_the_table() -> None:
    _, *rows = history(replace(UP, message="one\ntwo\x1b[2J\tthree"))
    assert [row.partition("3.5s  ")[2] for row in rows] == ["one two three"]


def test_colour_does_not_move_the_columns() -> None:
    _, row = history(UP, terminal=Terminal(colour=True, width=100))
    assert "\x1b[32mlive\x1b[0m   web" in row.replace("STATE", "")


def test_show_tells_the_steps_with_the_last_words_of_what_failed() -> None:
    text = output.show(FAILED, "table", Terminal(), EAST)
    assert text.splitlines() == [
        "deployment 42: up of web, failed",
        f"  web       green, live: shop/web:latest ab12ab12ab12 {IMAGE.repo_digest}",
        "  started   2026-03-01 14:00:00",
        "  finished  2026-03-01 14:00:03",
        "  took      3.5s",
        "  by        ada@host",
        "  git       abc123",
        "  message   greets",
        "  reason    web-green was not healthy",
        "",
        "STEP                             OUTCOME  TOOK   CAUSE",
        "build web                        done     1.0s   it has a build",
        "wait until web-green is healthy  failed   2m05s  only healthy colours receive requests",
        "    line 1",
        "    line 2",
        "route                            running",
    ]


def test_the_summary_says_which_image_became_what() -> None:
    assert output.summary(UP) == (
        "deployment 42: web-green live after 3.5s\n  web: shop/web:latest ab12ab12ab12\n"
    )
    assert output.summary(BUILDING) == "deployment 44: web preparing\n"
    assert output.summary(BACK).splitlines()[-1] == "  takes back 42, restores 41"


def test_status_is_a_row_for_each_service() -> None:
    lines = output.status(found(WELL), "127.0.0.1:8404", "table", Terminal(), EAST).splitlines()
    assert lines[0] == "project shop: proxy running, statistics at http://127.0.0.1:8404"
    assert lines[1].split("  ")[0] == "SERVICE"
    row = lines[2].split()
    assert row[:2] == ["web", "green"]
    assert "healthy" in row
    assert "UP, 2 in flight" in lines[2]
    assert row[-1] == "41"
    assert len(lines) == 3


@pytest.mark.parametrize(
    ("haproxy", "advice"),
    [
        (ServingHaproxy("3.0.11", "x"), ""),
        (ServingHaproxy("3.0.11", "x", is_outdated=True), "takes it, without downtime"),
        (
            ServingHaproxy("3.0.11", "x", is_outdated=True, renewal=Change.RECREATE),
            "HAProxy can read the journal",
        ),
    ],
)
def test_the_version_of_haproxy_and_how_to_renew_it_are_shown(
    haproxy: ServingHaproxy, advice: str
) -> None:
    status = replace(found(WELL), haproxy=haproxy, proxy_image_built_at=START)
    lines = output.status(status, None, "table", Terminal(), EAST).splitlines()
    assert lines[1] == f"  HAProxy 3.0.11, its image was built on {START:%Y-%m-%d}"
    assert advice in lines[2]
    assert ("docker bluegreen proxy recreate" in lines[2]) is bool(advice)


def test_replicas_are_counted() -> None:
    down = ServerHealth("10.0.0.3:8080", "DOWN", "L4CON")
    text = output.status(found(WELL, WELL, down), None, "table", Terminal())
    assert "2 UP, 1 DOWN, 2 in flight" in text


def test_drift_is_told_with_its_cure() -> None:
    drift = Drift(DriftKind.LIVE_STOPPED, "web-green isn't running", Hint("docker start web-green"))
    lines = output.status(found(drift=(drift,)), None, "table", Terminal(symbols=True)).splitlines()
    assert lines[-2:] == ["! web-green isn't running", "  next: docker start web-green"]


def test_a_service_that_is_routed_nowhere_says_none() -> None:
    text = output.status(found(live=False), None, "table", Terminal())
    assert text.splitlines()[2].split() == ["web", "none", "41"]


def test_a_project_without_releases_says_so() -> None:
    text = output.status(Status("shop", "none", ()), None, "table", Terminal())
    assert text == "project shop: proxy none\nnothing is released yet\n"


HOLD = StepRecord(
    "hold", "leave web-green waiting", "--no-switch", Outcome.DONE, START + timedelta(hours=1)
)
HELD = replace(UP, state=State.WAITING, finished_at=None, steps=(HOLD,), message="new prices")


def test_what_waits_is_told_with_who_since_when_and_what_may_be_done() -> None:
    waits = replace(found(WELL), waits=HELD)
    lines = output.status(waits, None, "table", Terminal(symbols=True), EAST).splitlines()
    assert lines[-2:] == [
        "… deployment 42 waits on web-green since 2026-03-01 15:00:00, by ada@host: new prices",
        f"  next: {hint_text(DECIDE)}",
    ]
    assert json.loads(output.status(waits, None, "json"))["waiting"] == {
        "deployment": 42,
        "since": "2026-03-01T13:00:00.250Z",
        "actor": "ada@host",
        "message": "new prices",
        "colours": {"web": "green"},
    }


def test_the_summary_of_what_waits_says_what_may_be_done() -> None:
    headline, image = output.summary(HELD).splitlines()
    assert headline == f"deployment 42: web-green waits; {hint_text(DECIDE)}"
    assert image == "  web: shop/web:latest ab12ab12ab12"


# ── the lock ─────────────────────────────────────────────────────────────────────────────────


BOB = LockOwner("bob@ci", "up web", datetime(2026, 3, 1, 12, tzinfo=UTC))


def test_who_deploys_is_told_with_what_and_since_when() -> None:
    assert output.lock("shop", None, "table") == "no deployment of shop is running\n"
    said = output.lock("shop", BOB, "table", UTC)
    assert said == "shop is being deployed by bob@ci, up web, since 2026-03-01 12:00:00\n"
    assert json.loads(output.lock("shop", BOB, "json")) == {
        "project": "shop",
        "holder": {"actor": "bob@ci", "what": "up web", "since": "2026-03-01T12:00:00.000Z"},
    }


def test_whose_lock_was_released_is_told_with_what_becomes_of_it() -> None:
    assert "no lock to release" in output.released("shop", None, "table")
    said = output.released("shop", BOB, "table", UTC)
    assert said.startswith("lock taken from bob@ci, up web, since 2026-03-01 12:00:00")
    assert "changes nothing more" in said
    assert json.loads(output.released("shop", None, "json"))["holder"] is None


def test_what_is_under_way_is_told_by_status() -> None:
    under_way = UnderWay(BOB, 7, StepRecord("build:web", "build web", "", Outcome.RUNNING, START))
    one = replace(found(WELL), under_way=under_way)
    said = output.status(one, None, "table", zone=UTC)
    assert "deployment 7 is under way by bob@ci, up web, since 2026-03-01 12:00:00" in said
    assert "at “build web”" in said
    answer = json.loads(output.status(one, None, "json"))["under_way"]
    assert answer == {
        "actor": "bob@ci",
        "what": "up web",
        "since": "2026-03-01T12:00:00.000Z",
        "deployment": 7,
        "key": "build:web",
        "step": "build web",
    }


def test_a_plan_is_lines_for_people_and_one_object_for_programs() -> None:
    key = StepKey(StepKind.SWITCH)
    step = PlannedStep(
        key, ("web",), "switch to web-green", "it is healthy", "switch back", State.SWITCHING
    )
    assert output.plan([step]) == "switch to web-green  (it is healthy)\n"
    assert json.loads(output.plan([step], "json")) == {
        "plan": [
            {
                "key": "switch",
                "services": ["web"],
                "name": "switch to web-green",
                "cause": "it is healthy",
                "undo": "switch back",
                "state": "switching",
                "required": True,
            }
        ]
    }
