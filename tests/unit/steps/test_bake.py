"""Bake: the new colour is watched under traffic, and loses it again past a limit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import BluegreenError, Interrupted, LockLost, Unhealthy
from compose_bluegreen.domain.states import Outcome, State
from compose_bluegreen.ports.engine import Container
from compose_bluegreen.steps import analysis
from testkit.failures import BLUE, GREEN, assert_the_next_one_works, assert_v1_serves
from testkit.fakes.calls import Call
from testkit.fakes.site import Site, a_service
from testkit.fakes.world import Behaviour
from testkit.killing import kill

BAKE = "bake"
LATER = 5
"""Which look at the counters of both colours: some tenths of a second after the switch."""


def baking(**bake: object) -> Site:
    """Blue serves ``v1``, and ``v2`` is ready to be built."""
    site = Site(web=a_service(bluegreen={"bake": {"time": "30s"} | bake}))
    site.release("v1")
    site.source("v2")
    return site


@pytest.fixture
def site() -> Iterator[Site]:
    site = baking()
    yield site
    assert site.world.outages == []
    assert site.world.cut == []


def when_looked(site: Site, act: Callable[[], object], nth: int = LATER) -> None:
    def do() -> None:
        act()

    site.world.calls.at("proxy.traffic_stats", do, nth=nth)


def asked(site: Site, count: int, **more: int) -> Callable[[], None]:
    return partial(site.world.asked, "web", Colour.GREEN, count, **more)


def test_it_is_live_only_after_the_bake_and_the_old_one_is_warm_until_then(site: Site) -> None:
    looked: list[tuple[State, list[str]]] = []
    when_looked(site, lambda: looked.append((site.records[0].state, site.world.running())))
    done = site.up()
    assert done is not None
    assert looked == [(State.SWITCHING, [BLUE, GREEN])]
    assert done.state is State.LIVE
    names = [step.key for step in done.steps]
    assert names.index(BAKE) == names.index("verify") + 1
    assert names.index(BAKE) == names.index("drain") - 1
    assert 30 <= site.world.time < 32


def test_what_it_saw_is_remembered(site: Site) -> None:
    site.world.asked("web", Colour.BLUE, 500, ms=20)
    when_looked(site, asked(site, 400, ms=30))
    done = site.up()
    assert done is not None
    (bake,) = [step for step in done.steps if step.key == BAKE]
    figures = "400 requests: 0 answered 5xx, 0 broken, p95 30 ms (web-blue: 20 ms)"
    assert (bake.outcome, bake.detail) == (Outcome.DONE, f"web-green {figures}")
    assert bake.cause == "for 30s, while the previous version is still running"


@pytest.mark.parametrize(
    ("bad", "because"),
    [
        ({"errors": 30}, "more than 5% 5xx; 400 requests: 30 answered 5xx, 0 broken, p95 10 ms"),
        ({"broken": 30}, "more than 5% broken connections; 400 requests: 0 answered 5xx, 30 brok"),
        ({"ms": 90}, "p95 above 70 ms; 400 requests: 0 answered 5xx, 0 broken, p95 90 ms (web-b"),
        ({"unanswered": 30}, "p95 above 70 ms; 400 requests: .* 30 still wait"),
    ],
)
def test_past_a_limit_it_switches_back_and_says_why(
    bad: dict[str, int], because: str, site: Site
) -> None:
    site.world.asked("web", Colour.BLUE, 500, ms=20)
    when_looked(site, asked(site, 400, **bad))
    with pytest.raises(Unhealthy, match=because.replace("(", r"\(")) as failed:
        site.up()
    assert "the limits are in x-bluegreen.bake" in hint_text(failed.value.hint)
    assert_v1_serves(site)
    record = site.records[0]
    assert (record.state, record.reason) == (State.FAILED, failed.value.message)
    assert site.observer.keys[-3:] == ["undo:switch", "undo:start", "undo:build:web"]


def test_uploads_that_do_not_end_veto_nothing(site: Site) -> None:
    """They are started and never answered, and none of them is a request that arrived whole."""
    site.world.asked("web", Colour.BLUE, 500, ms=20)
    when_looked(site, asked(site, 400, ms=20, uploads=300))
    assert site.up() is not None


def test_long_polls_veto_nothing_where_the_old_colour_had_them_too(site: Site) -> None:
    site.world.asked("web", Colour.BLUE, 500, ms=20, unanswered=100)
    site.world.time += 30
    when_looked(site, asked(site, 40, ms=20, unanswered=30))
    done = site.up()
    assert done is not None
    assert "(web-blue: 30" in next(step.detail for step in done.steps if step.key == BAKE)


def test_a_list_of_requests_that_takes_long_is_asked_for_less_often(site: Site) -> None:
    def slow_list() -> None:
        site.world.time += 1

    site.world.asked("web", Colour.BLUE, 500, ms=20)
    site.world.calls.at("proxy.unanswered", slow_list, nth=2)
    assert site.up() is not None
    assert 30 < len(site.world.calls.of("proxy.unanswered")) < 50


def test_what_is_wrong_is_seen_at_the_next_look(site: Site) -> None:
    when_looked(site, asked(site, 10, errors=10))
    with pytest.raises(Unhealthy):
        site.up()
    assert site.world.time < 2


def test_a_cold_start_may_be_slow(site: Site) -> None:
    site.world.asked("web", Colour.BLUE, 500, ms=20)
    when_looked(site, asked(site, 100, ms=900), nth=5)
    when_looked(site, asked(site, 5000, ms=20), nth=60)
    done = site.up()
    assert done is not None
    assert "p95 20 ms" in next(step.detail for step in done.steps if step.key == BAKE)


def test_too_few_requests_to_the_old_colour_are_nothing_to_compare_with(site: Site) -> None:
    site.world.asked("web", Colour.BLUE, 49, ms=20)
    when_looked(site, asked(site, 400, ms=900))
    done = site.up()
    assert done is not None
    assert "p95 900 ms" in next(step.detail for step in done.steps if step.key == BAKE)
    assert "web-blue" not in next(step.detail for step in done.steps if step.key == BAKE)


def test_a_single_bad_answer_is_no_share(site: Site) -> None:
    when_looked(site, asked(site, 3, errors=2))
    assert site.up() is not None


@pytest.mark.parametrize(
    ("does", "because"),
    [
        (Behaviour(sick_after=3), "HAProxy says DOWN (L7STS) of 10.9.0.17:8080"),
        (Behaviour(ends_after=3, exit_code=7), "ended with exit code 7"),
        (Behaviour(crashes_every=3, exit_code=7), "was restarted; 0 requests"),
        (Behaviour(healthcheck=0, declared_sick=3), "its HEALTHCHECK failed too often"),
    ],
)
def test_one_that_turns_sick_loses_the_traffic(does: Behaviour, because: str) -> None:
    site = baking()
    site.source("v2", does=does)
    with pytest.raises(Unhealthy) as failed:
        site.up()
    assert because.replace(":8080", "") in failed.value.message
    assert "listening" in failed.value.detail
    assert_v1_serves(site)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("restarting", "was restarted, the last time after exit code 7"),
        ("running", "was restarted"),
    ],
)
def test_docker_knows_how_it_ended_only_until_it_runs_again(status: str, said: str) -> None:
    code = 7 if status == "restarting" else 0
    box = Container("1", "web-1", "sha256:1", status, code, 1, None, None, {})
    assert analysis._problem(box, 0) == f"web-1 {said}"


def test_one_that_is_removed_by_somebody_loses_the_traffic() -> None:
    site = baking()
    when_looked(site, lambda: site.world.boxes.pop(GREEN))
    with pytest.raises(Unhealthy, match=f"{GREEN} was removed"):
        site.up()
    assert_v1_serves(site)


def test_restarts_are_allowed_where_the_file_says_so() -> None:
    site = baking(restarts=20)
    site.source("v2", does=Behaviour(crashes_every=3))
    assert site.up() is not None


def test_limits_are_the_files_own() -> None:
    site = baking(errors="50%")
    when_looked(site, asked(site, 400, errors=190))
    assert site.up() is not None


def test_an_haproxy_that_counts_anew_is_watched_on(site: Site) -> None:
    site.world.asked("web", Colour.GREEN, 9000)
    when_looked(site, site.world.tallies.clear, nth=4)
    when_looked(site, asked(site, 400, errors=30), nth=6)
    with pytest.raises(Unhealthy, match="400 requests: 30 answered 5xx"):
        site.up()
    assert_v1_serves(site)


def test_without_the_setting_and_with_no_bake_nobody_watches() -> None:
    site = baking()
    site.up(bake=False)
    assert site.world.calls.of("proxy.traffic_stats") == []
    assert BAKE not in site.observer.keys
    plain = Site()
    plain.release("v1")
    plain.release("v2")
    assert plain.world.calls.of("proxy.traffic_stats") == []


def test_a_first_release_has_nothing_to_go_back_to() -> None:
    site = Site(web=a_service(bluegreen={"bake": "30s"}))
    site.source("v1")
    site.up()
    assert not any("bake" in step for step in site.observer.keys)


def test_what_takes_over_from_the_users_own_container_is_watched_too() -> None:
    site = Site(web=a_service(bluegreen={"bake": "30s"}))
    site.world.run_by_hand("web", "v0", ":8000")
    site.source("v1")
    when_looked(site, partial(site.world.asked, "web", Colour.BLUE, 10, errors=10))
    with pytest.raises(Unhealthy, match="5xx"):
        site.up(take_over=True)
    assert site.serving() == {"v0"}


def test_a_rollback_goes_at_once(site: Site) -> None:
    site.up()
    site.forget()
    before = site.world.time
    site.rollback()
    assert site.world.time - before < 2
    assert not any("bake" in step for step in site.observer.keys)


def test_several_services_are_watched_side_by_side_and_go_back_together() -> None:
    bake = {"bake": "20s"}
    site = Site(web=a_service(bluegreen=bake), api=a_service("api", port="", bluegreen=bake))
    site.source("web1"), site.source("api1", "api")
    site.up()
    site.source("web2"), site.source("api2", "api")
    before = site.world.time
    assert site.up() is not None
    assert 20 <= site.world.time - before < 22
    site.forget()
    site.source("web3"), site.source("api3", "api")
    when_looked(site, partial(site.world.asked, "api", Colour.BLUE, 10, errors=10), nth=9)
    with pytest.raises(Unhealthy, match="api-blue with traffic: more than 5% 5xx"):
        site.up()
    assert (site.serving("web"), site.serving("api")) == ({"web2"}, {"api2"})
    assert "bake web-blue and api-blue" in site.observer.names


# ── who ends it before it ends ───────────────────────────────────────────────────────────────


def test_an_interrupt_while_it_bakes_switches_back(site: Site) -> None:
    site.world.calls.fail("proxy.traffic_stats", Interrupted("interrupted by SIGINT"), nth=LATER)
    with pytest.raises(Interrupted):
        site.up()
    assert_v1_serves(site)
    assert site.records[0].state is State.INTERRUPTED
    assert "switch back" in site.observer.remarks[0]


def test_counters_that_cannot_be_read_switch_back(site: Site) -> None:
    site.world.calls.fail("proxy.traffic_stats", BluegreenError("no answer"), nth=LATER)
    with pytest.raises(BluegreenError, match="no answer"):
        site.up()
    assert_v1_serves(site)


def test_killed_while_it_bakes_the_next_one_keeps_what_is_well(site: Site) -> None:
    kill(site, Call("proxy.traffic_stats", LATER))
    assert site.serving() == {"v2"}
    cause = next(iter(site.status().drift)).problem
    assert cause == "deployment 2 stopped at “bake web-green”; web-green is live"
    assert_the_next_one_works(site)
    assert [one.state for one in site.records][1:] == [State.SUPERSEDED, State.SUPERSEDED]


def test_killed_while_it_bakes_what_is_sick_by_then_goes_back() -> None:
    site = baking()
    site.source("v2", does=Behaviour(sick_after=3))
    kill(site, Call("proxy.traffic_stats", LATER))
    site.world.time += 10
    site.world.outages.clear()
    assert_the_next_one_works(site)
    assert [one.state for one in site.records][1:] == [State.INTERRUPTED, State.SUPERSEDED]


def test_whoever_lost_the_lock_stops_looking_and_touches_nothing(site: Site) -> None:
    when_looked(site, site.ctx.lock.release)
    with pytest.raises(LockLost):
        site.up()
    assert site.world.time < 2
    assert site.serving() == {"v2"}
    assert site.world.running() == [BLUE, GREEN]
