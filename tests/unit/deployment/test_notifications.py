"""How a deployment ended, as an event for the webhook."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compose_bluegreen.cli import json_output
from compose_bluegreen.deployment.notifications import EndedDeployments, Event, event
from compose_bluegreen.domain.errors import BluegreenError
from compose_bluegreen.domain.states import State
from testkit.fakes.site import Site
from testkit.fakes.world import Behaviour


def events(site: Site, noted: EndedDeployments) -> list[tuple[int, Event | None]]:
    found = [site.history.get(one) for one in noted.ended]
    return [(one.id, event(one)) for one in found if one]


def test_what_went_live_and_what_failed_is_noted(site: Site, noted: EndedDeployments) -> None:
    site.release("v1")
    site.source("v2", does=Behaviour(ends_after=0.0, exit_code=1))
    with pytest.raises(BluegreenError):
        site.up()
    assert events(site, noted) == [(1, Event.RELEASED), (2, Event.FAILED)]
    assert noted.last_begun_here == 2


def test_what_changed_nothing_is_not(site: Site, noted: EndedDeployments) -> None:
    site.release("v1")
    noted.ended.clear()
    assert site.up() is None
    assert noted.ended == []
    assert noted.last_begun_here is None


def test_a_rollback_and_what_waits_are_events_of_their_own(
    site: Site, noted: EndedDeployments
) -> None:
    site.release("v1")
    site.release("v2")
    site.rollback()
    site.source("v3")
    site.up(no_switch=True)
    assert events(site, noted)[2:] == [(3, Event.ROLLED_BACK), (4, Event.WAITING)]


def test_a_deployment_that_ends_twice_is_reported_once(site: Site, noted: EndedDeployments) -> None:
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
