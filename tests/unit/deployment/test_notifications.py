"""How a deployment ended, and who is told; whatever becomes of that, the deployment stands."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compose_bluegreen.cli import json_output, notify
from compose_bluegreen.config.types import address
from compose_bluegreen.deployment.notifications import EndedDeployments, Event, event
from compose_bluegreen.domain.errors import BluegreenError, HistoryUnusable
from compose_bluegreen.domain.states import State
from compose_bluegreen.runtime.secrets import conceal, concealed
from testkit.fakes.observer import FakeObserver
from testkit.fakes.site import Site
from testkit.fakes.world import Behaviour


@pytest.fixture
def noted(site: Site) -> EndedDeployments:
    """What the history of this site notes."""
    noting = EndedDeployments(site.ctx.history)
    site.ctx = replace(site.ctx, history=noting.as_history)
    return noting


def events(site: Site, noted: EndedDeployments) -> list[tuple[int, Event | None]]:
    found = [site.history.get(one) for one in noted.ended]
    return [(one.id, event(one)) for one in found if one]


def test_what_went_live_and_what_failed_is_noted(site: Site, noted: EndedDeployments) -> None:
    site.release("v1")
    site.source("v2", does=Behaviour(ends_after=0.0, exit_code=1))
    with pytest.raises(BluegreenError):
        site.up()
    assert events(site, noted) == [(1, Event.RELEASED), (2, Event.FAILED)]
    assert noted.own == 2


def test_what_changed_nothing_is_not(site: Site, noted: EndedDeployments) -> None:
    site.release("v1")
    noted.ended.clear()
    assert site.up() is None
    assert noted.ended == []
    assert noted.own is None


def test_a_rollback_and_what_waits_are_events_of_their_own(
    site: Site, noted: EndedDeployments
) -> None:
    site.release("v1")
    site.release("v2")
    site.rollback()
    site.source("v3")
    site.up(no_switch=True)
    assert events(site, noted)[2:] == [(3, Event.ROLLED_BACK), (4, Event.WAITING)]


def test_one_that_ends_twice_is_told_of_once(site: Site, noted: EndedDeployments) -> None:
    site.source("v1")
    site.up(no_switch=True)
    site.ctx.history.to(1, State.FAILED, site.ctx.clock.now(), "boom")
    assert events(site, noted) == [(1, Event.FAILED)]


def test_each_end_of_a_deployment_is_an_event(site: Site) -> None:
    done = site.release("v1")
    told = {state: event(replace(done, state=state)) for state in State}
    assert {state for state, found in told.items() if found is None} == {
        *(State.PREPARING, State.STARTING, State.SWITCHING),
        *(State.SUPERSEDED, State.ROLLED_BACK, State.REMOVED),
    }


def test_a_notice_has_what_history_has_of_it(site: Site) -> None:
    done = replace(site.release("v1"), state=State.FAILED, reason="it was sick")
    notice = json_output.notice(done, Event.FAILED)
    assert set(notice) == {"version", "event", "text", "delivery", "deployment"}
    assert (notice["version"], notice["event"]) == (1, "failed")
    assert notice["text"] == "shop: deployment 1 of web: failed: it was sick"
    assert notice["deployment"] == json_output.deployment(done)


# ── whom ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text", ["https://hooks.example/a?b=c", "http://u:p@127.0.0.1:8000/", "https://[::1]:9/x"]
)
def test_an_address_is_taken_as_it_is(text: str) -> None:
    assert address(text) == text


@pytest.mark.parametrize(
    "text",
    ["hush", "ftp://a/hush", "https:///hush", "http://a:x/hush", "http://a/ hush", "http://[a"],
)
def test_what_is_no_address_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="an address that begins with") as refused:
        address(text)
    assert "hush" not in str(refused.value)


def test_nothing_means_nobody() -> None:
    assert address("") is None
    assert address(" ") is None


def test_the_environment_comes_before_the_file() -> None:
    said = FakeObserver()
    own = {"BLUEGREEN_NOTIFY": "https://own/"}
    assert notify.wanted(own, "https://file/", said) == "https://own/"
    assert notify.wanted({}, "https://file/", said) == "https://file/"
    assert notify.wanted({"BLUEGREEN_NOTIFY": ""}, None, said) is None
    assert said.remarks == []


def test_what_is_no_address_is_a_warning_here_and_no_obstacle() -> None:
    said = FakeObserver()
    assert notify.wanted({"BLUEGREEN_NOTIFY": "hush"}, None, said) is None
    (remark,) = said.remarks
    assert "hush" not in remark


# ── and if that fails ────────────────────────────────────────────────────────────────────────


def test_a_webhook_that_is_not_there_is_a_warning(site: Site, noted: EndedDeployments) -> None:
    site.release("v1")
    notify.send("http://127.0.0.1:9/hush", noted.ended, site.ctx.history, site.observer)
    (remark,) = site.observer.remarks
    assert remark.startswith("warning: the webhook did not receive the result of deployment 1: ")
    assert "hush" not in remark


@pytest.mark.parametrize("error", [HistoryUnusable("disk gone"), RuntimeError("a bug, hush")])
def test_so_is_anything_else(site: Site, noted: EndedDeployments, error: Exception) -> None:
    site.release("v1")
    site.world.calls.fail("history.get", error)
    notify.send("http://127.0.0.1:9/", noted.ended, site.ctx.history, site.observer)
    (remark,) = site.observer.remarks
    assert remark.endswith(f": {type(error).__name__}")


def test_a_report_of_a_bug_does_not_repeat_the_address() -> None:
    conceal("https://hooks.example/hush-hush")
    assert concealed("to https://hooks.example/hush-hush!") == "to …!"
