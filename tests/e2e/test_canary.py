"""Traffic moves in steps before the switch; whatever ends it early, all goes back and none is lost."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterable

import pytest

from testkit.commands import Running
from testkit.load.record import Outcome
from testkit.stage import Stage, service
from testkit.waiting import eventually

pytestmark = pytest.mark.engine

MANY = 2_000
"""Of 10,000, which `python -m bench.canary` asks, it is nearer."""
VISITORS = 150
LONG = "25%:10m"


@pytest.fixture(scope="module")
def site(shared: Stage) -> Stage:
    own = {
        "health": {"path": "/healthz"},
        "drain_timeout": "5s",
        "canary": "5%:2s,50%:2s",
        "bake": {"p95": "off"},
    }
    shared.write(web=service(f"{shared.port}:8080", **{"x-bluegreen": own}))
    shared.up("v1")
    return shared


def begun(site: Stage, version: str, steps: str) -> Running:
    """A canary that is in its first stage."""
    running = site.begin("up", "--progress", "json", "--canary", steps, VERSION=version)
    running.until('"step_began", "key": "canary:1"')
    eventually(lambda: version in site.versions(20), f"an answer by {version}")
    return running


def interrupt(running: Running) -> None:
    running.signal(signal.SIGINT, group=True)
    running.end().ended(130)


def again(site: Stage, tickets: Iterable[str]) -> dict[str, str]:
    """Which version each of them meets."""
    said = {one: site.ask(headers={"Cookie": one}) for one in tickets}
    assert not any("set-cookie" in one.headers for one in said.values())
    return {ticket: one.version for ticket, one in said.items()}


def as_before(site: Stage, version: str) -> None:
    assert site.versions(50) == {version: 50}
    assert len(site.colours()) == 1
    assert site.drift() == []


def test_the_share_is_what_was_asked_for_and_ctrl_c_sends_all_back(site: Stage) -> None:
    with site.load(split=True):
        running = begun(site, "v2", LONG)
        with site.step("the old one is live until the switch"):
            assert site.status()["under_way"]["key"] == "canary:1"
            assert site.history("--limit", "1")[0]["state"] == "switching"
        with site.step("a quarter of the requests goes to the new one"):
            found = site.versions(MANY)
            assert abs(found["v2"] / MANY - 0.25) < 0.04, found
        interrupt(running)
    as_before(site, "v1")


def test_step_by_step_and_then_all_of_it_with_none_lost(site: Stage) -> None:
    with site.load(split=True) as load:
        run = site.up("v3")
    steps = [line for line in run.err.splitlines() if " send " in line]
    assert [line.split()[2] for line in steps] == ["5%", "50%"]
    assert all(" requests: 0 answered 5xx, 0 broken" in line for line in steps)
    report = load.report()
    switched = run.moment("switch to web-")
    assert report.late("v1", after=switched) == []
    early = [one.version for one in report.records if one.ended_at < switched]
    assert 0 < early.count("v3") / len(early) < 0.5
    as_before(site, "v3")


def test_bad_answers_send_all_back_and_nothing_else_is_lost(site: Stage) -> None:
    served = site.ask().version
    with site.load(lossless=False, split=True) as load:
        run = site.bluegreen("up", "--canary", "50%:1m", VERSION="bad", ERRORS="50").ended(1)
    assert "more than 5% 5xx" in run.err
    assert "switch to" not in run.err
    report = load.report()
    own = (Outcome.BAD_STATUS, "bad", 500)
    others = [one for one in report.failed if (one.outcome, one.version, one.status) != own]
    assert others == [], report.describe()
    assert report.late("bad", after=run.moment("send all requests to the live colour")) == []
    as_before(site, served)


def test_a_visitor_with_a_ticket_stays_where_he_is_as_the_share_grows(site: Stage) -> None:
    served = site.ask().version
    own = {"health": {"path": "/healthz"}, "canary": {"sticky": True}, "bake": {"p95": "off"}}
    site.write(web=service(f"{site.port}:8080", **{"x-bluegreen": own}))
    with site.step("each draws a ticket"):
        running = begun(site, "v4", "20%:10m")
        first = [site.ask() for _ in range(VISITORS)]
        tickets = {one.headers["set-cookie"].partition(";")[0]: one.version for one in first}
        assert len(tickets) == VISITORS
        assert 0.05 < Counter(tickets.values())["v4"] / VISITORS < 0.4
        assert again(site, tickets) == tickets
        # No visitor can choose a number.
        chosen = [f"bluegreen={number}" for number in range(300)]
        answers = [site.ask(headers={"Cookie": cookie}) for cookie in chosen]
        assert Counter(answer.version for answer in answers)["v4"] / 300 < 0.4
        assert all("set-cookie" in answer.headers for answer in answers), "each draws a number"
        drawn = next(iter(tickets)).partition(".")[2]
        forged = site.ask(headers={"Cookie": f"bluegreen=1.{drawn}"})
        assert "set-cookie" in forged.headers, "it draws a number again"
        interrupt(running)
    with site.step("a ticket without a lottery is worth nothing"):
        assert set(again(site, tickets).values()) == {served}
    with site.step("who has met the new one meets it again, and others follow"):
        running = begun(site, "v4", "60%:10m")
        later = again(site, tickets)
        assert all(later[one] == "v4" for one, version in tickets.items() if version == "v4")
        assert 0.4 < Counter(later.values())["v4"] / VISITORS < 0.8
        interrupt(running)
    as_before(site, served)


def test_another_terminal_sends_it_on_at_once_or_back(site: Stage) -> None:
    served = site.ask().version
    with site.load(split=True):
        running = begun(site, "v6", LONG)
        with site.step("abort: what served serves, and both say so"):
            said = site.bluegreen("abort").ended(0)
            assert "to abort" in said.err
            assert "aborted by " in running.end().ended(130).err
            as_before(site, served)
        running = begun(site, "v7", f"5%:10m,{LONG}")
        with site.step("promote: no further step, and it is live"):
            said = site.bluegreen("promote").ended(0)
            assert "live" in said.out
            running.end().ended(0)
            as_before(site, "v7")
    steps = [one["key"] for one in site.show(site.history("--limit", "1")[0]["id"])["steps"]]
    assert [one for one in steps if one.startswith("canary:")] == ["canary:1"]


def test_killed_meanwhile_status_tells_the_share_and_the_next_command_takes_it_back(
    site: Stage,
) -> None:
    served = site.ask().version
    with site.load(split=True):
        running = begun(site, "v5", LONG)
        running.signal(signal.SIGKILL)
        running.end()
        with site.step("status says who serves how much"):
            (drift,) = [one for one in site.drift() if one["kind"] == "unfinished"]
            assert "receives 25%" in drift["cause"]
        with site.step("and so it is"):
            assert set(site.versions(100)) == {served, "v5"}
        run = site.bluegreen("repair").ended(0)
        assert "receives all requests of web again" in run.err
    as_before(site, served)
