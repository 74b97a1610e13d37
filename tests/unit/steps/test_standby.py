"""What served before stays up for a while, and a rollback to it is one switch."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from compose_bluegreen.commands.prune import prune
from compose_bluegreen.config.requests import PruneRequest
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import BluegreenError, Unhealthy
from compose_bluegreen.domain.states import State
from compose_bluegreen.inspection.drift import DriftKind
from testkit.failures import (
    BLUE,
    GREEN,
    QUICK,
    assert_v2_serves,
    failures,
    made,
    outcome,
    the_error,
)
from testkit.fakes.calls import Call, When
from testkit.fakes.site import Site, a_service
from testkit.fakes.world import Behaviour
from testkit.killing import kill

MINUTES = timedelta(minutes=10)
WARM = [
    "use:web",
    "wake",
    "health",
    "switch",
    "verify",
    "drain",
    "retire:standby:10m",
]


def standing_by(how: str = "10m", does: Behaviour = QUICK) -> Site:
    """``v2`` serves on green, ``v1`` stands by on blue."""
    site = Site(web=a_service(bluegreen={"standby": how}))
    site.release("v1", does=does)
    site.release("v2", does=QUICK)
    return site


def pass_by(site: Site, time: timedelta) -> None:
    site.world.time += time.total_seconds()


def test_by_default_nothing_stands_by(serving: Site) -> None:
    serving.release("v2")
    assert serving.world.running() == [GREEN]


def test_the_old_colour_stays_up_and_status_says_until_when() -> None:
    site = standing_by()
    assert site.world.running() == [BLUE, GREEN]
    assert site.drift() == {}
    standby, live = site.seen().standby, site.records[0].finished_at
    assert standby is not None
    assert live is not None
    assert standby.until == live + MINUTES
    assert [step.key for step in site.records[0].steps][5:7] == [
        "drain",
        "retire:standby:10m",
    ]


def test_a_rollback_to_it_is_one_switch() -> None:
    site = standing_by()
    began = site.world.time
    site.rollback()
    assert site.serving() == {"v1"}
    assert site.observer.keys[:7] == WARM
    assert site.world.calls.of("workloads.start_colours") == []
    assert site.world.time - began < 1.0
    assert (site.world.outages, site.world.cut) == ([], [])


def test_after_it_nothing_drifts_and_status_tells_the_deployment_that_is_live() -> None:
    site = standing_by()
    site.rollback()
    assert site.drift() == {}
    seen = site.seen()
    assert seen.live is not None
    assert seen.live.deployment == 3
    assert site.world.running() == [BLUE, GREEN]  # what was taken back can be looked into


def test_what_stands_by_is_used_again_only_as_it_is() -> None:
    """Somebody may have put another container in its place."""
    site = standing_by()
    old = site.world.boxes[BLUE]
    old.mark = replace(old.mark, fingerprint="another")
    site.rollback()
    assert site.serving() == {"v1"}
    assert "start" in site.observer.keys


def test_one_that_is_sick_is_started_anew() -> None:
    site = standing_by(does=Behaviour(healthy_after=0.0, sick_after=60.0))
    pass_by(site, timedelta(minutes=2))
    site.seen()  # HAProxy has looked meanwhile
    site.ctx.proxy.health("web", Colour.BLUE)
    site.world.time += 1.0
    site.rollback()
    assert "start" in site.observer.keys
    assert site.serving() == {"v1"}


def test_what_haproxy_believes_of_it_is_proven_anew() -> None:
    """It may be as old as the check's interval: to watch it means that it is down until checked."""
    site = standing_by()
    site.rollback()
    acts = [name for name in site.world.calls.names if name in {"proxy.watch", "proxy.route_to"}]
    assert acts == ["proxy.watch", "proxy.route_to"]
    assert site.world.calls.of("proxy.watch") == [("web", Colour.BLUE)]


def test_one_that_turns_sick_while_it_is_proven_leaves_what_serves() -> None:
    site = standing_by()
    pass_by(site, timedelta(seconds=1))
    site.world.calls.at("proxy.watch", lambda: turn_sick(site))
    with pytest.raises(Unhealthy):
        site.rollback(timeout=timedelta(seconds=3))
    assert_v2_serves(site)
    assert site.world.outages == []


def turn_sick(site: Site) -> None:
    site.world.boxes[BLUE].behaviour = Behaviour(healthy_after=1e9)


def test_an_up_starts_anew_even_what_stands_by() -> None:
    """Files that it mounts may have changed since."""
    site = standing_by()
    site.source("v1")
    site.up()
    assert site.serving() == {"v1"}
    assert "start" in site.observer.keys


def test_a_set_of_which_one_stands_by_comes_back_whole() -> None:
    site = Site(web=a_service(bluegreen={"standby": "10m"}), api=a_service("api", port=""))
    site.source("w1", does=QUICK), site.source("a1", "api", does=QUICK)
    site.up()
    site.source("w2"), site.source("a2", "api")
    site.up()
    assert "shop-bluegreen-web-blue-1" in site.world.running()
    site.forget()
    site.rollback()
    assert (site.serving("web"), site.serving("api")) == ({"w1"}, {"a1"})
    assert "start web-blue and api-blue" in site.observer.names
    [(colours,)] = site.world.calls.of("workloads.start_colours")
    assert isinstance(colours, list)
    assert [one.release.service for one in colours] == ["api"]


# ── how it ends ──────────────────────────────────────────────────────────────────────────────


def test_when_it_is_over_status_says_so_and_repair_ends_it() -> None:
    site = standing_by()
    pass_by(site, MINUTES + timedelta(seconds=1))
    found = site.drift("web")
    assert "its standby time is over" in found[DriftKind.LEFTOVER].problem
    site.repair()
    assert site.world.running() == [GREEN]
    assert site.drift() == {}


@pytest.mark.parametrize("late", [timedelta(0), MINUTES + timedelta(seconds=1)], ids=str)
def test_an_up_that_changes_nothing_ends_it_once_it_is_over(late: timedelta) -> None:
    site = standing_by()
    pass_by(site, late)
    assert site.up() is None
    assert site.world.running() == ([GREEN] if late else [BLUE, GREEN])


def test_a_timer_ends_it_by_prune() -> None:
    site = standing_by()
    order = PruneRequest()
    assert prune(order, site.ctx).ended == ()
    pass_by(site, MINUTES + timedelta(seconds=1))
    assert prune(PruneRequest(dry_run=True), site.ctx).ended == ("web-blue",)
    assert site.world.running() == [BLUE, GREEN]
    assert prune(order, site.ctx).ended == ("web-blue",)
    assert site.world.running() == [GREEN]


def test_the_release_of_another_service_ends_it() -> None:
    own = {"standby": "10m"}
    site = Site(web=a_service(bluegreen=own), api=a_service("api", port="", bluegreen=own))
    site.source("w1", does=QUICK), site.source("a1", "api", does=QUICK)
    site.up()
    site.source("w2", does=QUICK)
    site.up("web")
    pass_by(site, MINUTES + timedelta(seconds=1))
    site.source("a2", "api", does=QUICK)
    site.up("api")
    assert site.world.running() == [
        "shop-bluegreen-api-blue-1",
        "shop-bluegreen-api-green-1",
        "shop-bluegreen-web-green-1",
    ]


def test_a_rollback_that_comes_late_finds_it_all_the_same() -> None:
    site = standing_by()
    pass_by(site, MINUTES + timedelta(minutes=5))
    site.rollback()
    assert "wake" in site.observer.keys


def test_the_next_release_takes_its_place() -> None:
    site = standing_by()
    site.release("v3", does=QUICK)
    assert site.serving() == {"v3"}
    assert site.world.running() == [BLUE, GREEN]
    assert {box.image_id for box in site.world.boxes.values()} >= {"sha256:v2", "sha256:v3"}


def test_what_a_later_deployment_left_over_is_no_standby() -> None:
    site = standing_by()
    site.source("v3", does=QUICK)
    site.world.calls.fail("proxy.health", Unhealthy("sick"), nth=1)
    site.world.calls.fail("workloads.remove", BluegreenError("busy"), nth=2)
    with pytest.raises(BluegreenError):
        site.up()
    assert BLUE in site.world.running()
    assert site.seen().standby is None
    assert DriftKind.LEFTOVER in site.drift("web")


# ── stopped ──────────────────────────────────────────────────────────────────────────────────


def test_what_stands_by_stopped_is_started_and_proven_by_a_rollback() -> None:
    site = standing_by("stopped")
    assert site.world.running() == [GREEN]
    assert BLUE in site.world.boxes
    assert site.drift() == {}
    pass_by(site, timedelta(days=30))
    assert site.drift() == {}
    site.rollback()
    assert site.serving() == {"v1"}
    assert site.world.calls.of("workloads.start_colours") == []
    assert site.world.running() == [BLUE]


def test_what_stands_by_stopped_and_cannot_be_started_is_started_anew_the_next_time() -> None:
    site = standing_by("stopped")
    site.world.calls.fail("proxy.health", Unhealthy("sick"), nth=1)
    with pytest.raises(Unhealthy):
        site.rollback()
    assert_v2_serves(site)
    site.forget()
    site.rollback()
    assert site.serving() == {"v1"}
    assert "start" in site.observer.keys


# ── whatever happens ─────────────────────────────────────────────────────────────────────────

_seen = standing_by()
BACK = made(_seen, _seen.rollback)


@pytest.mark.parametrize(("call", "when", "kind"), failures(BACK, ("error", "interrupt")), ids=str)
def test_a_warm_rollback_loses_nothing(call: Call, when: When, kind: str) -> None:
    site = standing_by()
    site.world.calls.fail(call.name, the_error(kind, call), when=when, nth=call.nth)
    outcome(site.rollback)
    assert site.world.outages == []
    newest = site.records[0]
    assert site.serving() == ({"v1"} if newest.state is State.LIVE and newest.id > 2 else {"v2"})
    assert_the_next_one_works_beside_one_that_stands_by(site)


@pytest.mark.parametrize("call", [call for call in BACK if not call.looks], ids=str)
def test_a_warm_rollback_that_is_killed_anywhere_can_be_given_again(call: Call) -> None:
    site = standing_by()
    kill(site, call, act=site.rollback)
    assert site.world.outages == []
    if site.serving() == {"v2"}:
        site.rollback()
    site.repair()
    assert site.serving() == {"v1"}
    assert site.status().drifts is False
    assert site.world.outages == []


def assert_the_next_one_works_beside_one_that_stands_by(site: Site) -> None:
    site.forget()
    site.world.owner = None
    site.source("v9", does=QUICK)
    if site.records[0].state is State.STUCK:
        site.abort()
        site.source("v9", does=QUICK)
    assert site.up() is not None
    assert site.serving() == {"v9"}
    assert len(site.world.running()) == 2
