"""Canary: traffic moves in steps before the switch, and all of it goes back past a limit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.config.canary_stages import parse
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import BluegreenError, Interrupted, NeedsPerson, Unhealthy
from compose_bluegreen.domain.states import State
from compose_bluegreen.domain.topology import CanaryWeight
from compose_bluegreen.inspection.drift import DriftKind
from compose_bluegreen.steps.rollout import Rollout, remove
from testkit.failures import (
    assert_the_next_one_works,
    assert_v1_serves,
    assert_v2_serves,
    failures,
    made,
    outcome,
    the_error,
)
from testkit.fakes.calls import Call, When
from testkit.fakes.site import Site, a_service
from testkit.killing import kill

STEPS = "5%:10s,25%:20s"
SENDS = ["canary:1", "canary:2"]


def canary(steps: str = STEPS, **more: object) -> Site:
    """Blue serves ``v1``, and ``v2`` is ready to be built."""
    site = Site(web=a_service(bluegreen={"canary": {"steps": steps, **more}}))
    site.release("v1")
    site.source("v2")
    return site


@pytest.fixture
def site() -> Iterator[Site]:
    site = canary()
    yield site
    assert site.world.outages == []
    assert site.world.cut == []
    assert site.world.notes.disk_shares == site.world.notes.canary_weights == {}


def when_looked(site: Site, act: Callable[[], object], nth: int) -> None:
    def do() -> None:
        act()

    site.world.calls.at("proxy.traffic_stats", do, nth=nth)


def test_traffic_moves_in_steps_and_then_all_of_it(site: Site) -> None:
    before = site.world.time
    done = site.up()
    assert done is not None
    assert site.world.calls.of("proxy.set_canary_weights") == [
        ({"web": CanaryWeight(500)},),
        ({"web": CanaryWeight(2500)},),
    ]
    names = [step.key for step in done.steps]
    assert names[names.index(SENDS[0]) - 1 :][:4] == [
        "health",
        *SENDS,
        "switch",
    ]
    assert 30 <= site.world.time - before < 33
    assert [step.cause for step in done.steps if step.key in SENDS] == [
        "canary, for 10s",
        "canary, for 20s",
    ]
    assert_v2_serves(site)


def test_while_a_share_moves_both_serve_and_the_old_one_is_live(site: Site) -> None:
    seen: list[object] = []
    when_looked(
        site, lambda: seen.append((site.serving(), site.routed(), site.records[0].state)), 9
    )
    when_looked(site, lambda: seen.append(site.status().all_drift), 9)
    site.up()
    assert seen == [({"v1", "v2"}, Colour.BLUE, State.SWITCHING), ()]


def test_what_the_command_says_goes_before_what_the_file_does(site: Site) -> None:
    site.up(canary=parse("50%:1s"))
    assert site.world.calls.of("proxy.set_canary_weights") == [({"web": CanaryWeight(5000)},)]


def test_a_canary_can_be_left_out(site: Site) -> None:
    site.up(canary=parse("off"))
    assert site.world.calls.of("proxy.set_canary_weights") == []


def test_visitors_stay_where_they_are_where_the_file_says_so() -> None:
    site = canary("5%:10s", sticky=True)
    site.up()
    assert site.world.calls.of("proxy.set_canary_weights") == [
        ({"web": CanaryWeight(500, sticky=True)},)
    ]


@pytest.mark.parametrize("nth", [6, 120])
def test_past_a_limit_all_goes_back_and_it_says_why(nth: int, site: Site) -> None:
    when_looked(site, partial(site.world.asked, "web", Colour.GREEN, 40, errors=4), nth)
    with pytest.raises(Unhealthy, match="web-green with traffic: more than 5% 5xx; 40 requests"):
        site.up()
    assert_v1_serves(site)
    assert site.records[0].state is State.FAILED
    assert "40 requests: 4 answered 5xx" in site.records[0].reason
    assert "switch" not in site.observer.keys
    back = ["undo:canary:1", "undo:start", "undo:build:web"]
    assert site.observer.keys[-3:] == back


def test_what_is_bad_only_with_all_the_traffic_goes_back_too() -> None:
    site = canary()
    site.file["services"]["web"]["x-bluegreen"]["bake"] = "30s"
    bad = partial(site.world.asked, "web", Colour.GREEN, 400, errors=40)
    site.world.calls.at("proxy.route_to", bad, when=When.AFTER)
    with pytest.raises(Unhealthy, match="400 requests: 40 answered 5xx"):
        site.up()
    assert "bake" in site.observer.keys
    assert_v1_serves(site)
    assert site.world.notes.canary_weights == {}


def test_an_interrupt_sends_all_back(site: Site) -> None:
    site.world.calls.fail("proxy.traffic_stats", Interrupted("interrupted by SIGINT"), nth=50)
    with pytest.raises(Interrupted):
        site.up()
    assert_v1_serves(site)
    assert "send all requests to the live colour" in site.observer.remarks[0]


def test_a_first_release_has_nobody_to_share_with() -> None:
    site = Site(web=a_service(bluegreen={"canary": STEPS}))
    site.source("v1")
    assert site.up() is not None
    assert site.world.calls.of("proxy.set_canary_weights") == []


def test_a_rollback_goes_at_once(site: Site) -> None:
    site.up()
    site.forget()
    site.rollback()
    assert site.world.calls.of("proxy.set_canary_weights") == []


def test_the_shares_of_several_services_move_in_one_act() -> None:
    own = {"canary": STEPS}
    site = Site(
        web=a_service(bluegreen=own), api=a_service("api", port="", bluegreen={"canary": "10%:5s"})
    )
    site.source("web1"), site.source("api1", "api")
    site.up()
    site.forget()
    site.source("web2"), site.source("api2", "api")
    assert site.up() is not None
    assert site.world.calls.of("proxy.set_canary_weights") == [
        ({"web": CanaryWeight(500), "api": CanaryWeight(1000)},),
        ({"web": CanaryWeight(2500), "api": CanaryWeight(1000)},),
    ]
    assert "send 5% to web-green and 10% to api-green" in site.observer.names
    assert (site.serving("web"), site.serving("api")) == ({"web2"}, {"api2"})


def test_one_that_has_a_share_is_not_removed(site: Site) -> None:
    refused: list[BaseException | None] = []

    def try_it() -> None:
        part = site.records[0].parts[0]
        move = Rollout(part.release, Colour.BLUE, Colour.GREEN)
        refused.append(outcome(lambda: remove(move, Colour.GREEN, site.ctx)))

    when_looked(site, try_it, 9)
    site.up()
    assert isinstance(refused[0], NeedsPerson)
    assert "receives requests" in refused[0].message


# ── whoever dies, and whatever fails ─────────────────────────────────────────────────────────


def test_killed_meanwhile_status_says_who_serves_how_much(site: Site) -> None:
    kill(site, Call("proxy.traffic_stats", 120))
    assert site.serving() == {"v1", "v2"}
    drift = {one.kind: one for one in site.status().all_drift}
    assert drift[DriftKind.UNFINISHED].problem == (
        "deployment 2 stopped at “send 25% to web-green”; web-blue is live, web-green receives 25%"
    )
    assert "discards it" in hint_text(drift[DriftKind.UNFINISHED].remedy)
    assert "still receives 25% of the requests" in drift[DriftKind.LEFTOVER].problem
    site.repair()
    assert_v1_serves(site)
    assert_the_next_one_works(site)


@pytest.mark.parametrize("act", ["up", "rollback", "abort", "resume"])
def test_killed_meanwhile_the_next_command_sends_all_back(act: str) -> None:
    site = canary()
    site.up(canary=())
    site.source("v3")
    site.forget()
    kill(site, Call("proxy.traffic_stats", 50))
    site.source("v3")
    getattr(site, act)()
    assert site.world.notes.canary_weights == {}
    assert any("receives all requests of web again" in text for text in site.observer.remarks)
    wanted = {"up": {"v3"}, "rollback": {"v1"}, "abort": {"v2"}, "resume": {"v3"}}
    assert site.serving() == wanted[act]
    assert len(site.world.running()) == 1
    assert site.world.outages == site.world.cut == []


def short() -> Site:
    """So that each of its calls can fail in turn."""
    return canary("5%:50ms,50%:50ms")


_calls = short()
CALLS = made(_calls, _calls.up)


@pytest.mark.parametrize(("call", "when", "kind"), failures(CALLS, ("error", "interrupt")), ids=str)
def test_whatever_fails_nothing_is_lost_and_nothing_is_shared(
    call: Call, when: When, kind: str
) -> None:
    site = short()
    site.world.calls.fail(call.name, the_error(kind, call), when=when, nth=call.nth)
    raised = outcome(site.up)
    assert site.world.outages == site.world.cut == []
    assert site.world.notes.disk_shares == site.world.notes.canary_weights == {}
    if site.records[0].state is State.LIVE and site.records[0].id > 1:
        assert_v2_serves(site)
    else:
        assert raised is not None
        assert_v1_serves(site)
    assert_the_next_one_works(site)


@pytest.mark.parametrize("call", [one for one in CALLS if not one.looks], ids=str)
def test_killed_anywhere_it_serves_on_and_the_next_one_settles_it(call: Call) -> None:
    site = short()
    kill(site, call)
    assert site.serving() <= {"v1", "v2"}
    assert_the_next_one_works(site)
    assert site.world.outages == site.world.cut == []
    assert site.world.notes.disk_shares == site.world.notes.canary_weights == {}


def test_a_step_that_fails_halfway_is_taken_back_on_the_disk_too() -> None:
    site = canary()
    site.world.calls.fail("proxy.set_canary_weights", BluegreenError("boom"), when=When.HALFWAY)
    assert outcome(site.up) is not None
    assert site.world.notes.disk_shares == site.world.notes.canary_weights == {}
    assert_v1_serves(site)
