"""What a killed process left behind, settled by the next command.

Killed after one call is killed before the next one that changes anything, so each is tried before.
"""

from __future__ import annotations

import pytest

from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.deployment import Kind, NewDeployment
from compose_bluegreen.domain.errors import LockLost, Unhealthy
from compose_bluegreen.domain.states import State
from testkit.failures import (
    QUICK,
    assert_the_next_one_works,
    assert_v1_serves,
    before_the_first,
    before_the_second,
    made,
    outcome,
)
from testkit.fakes.calls import Call, When
from testkit.fakes.site import Site
from testkit.fakes.world import ENGINE, NOON
from testkit.killing import Dead, Killed, kill

_first, _second = before_the_first(), before_the_second()
FIRST = [call for call in made(_first, _first.up) if not call.looks]
SECOND = [call for call in made(_second, _second.up) if not call.looks]


@pytest.mark.parametrize("call", SECOND, ids=str)
def test_killed_anywhere_it_serves_on_and_the_next_one_settles_it(call: Call) -> None:
    site = before_the_second()
    kill(site, call, When.BEFORE)
    assert site.world.outages == []
    assert site.serving() in ({"v1"}, {"v2"})
    assert_the_next_one_works(site)
    assert site.world.outages == []


@pytest.mark.parametrize("call", FIRST, ids=str)
def test_killed_anywhere_in_a_first_deploy_the_next_one_works(call: Call) -> None:
    site = before_the_first()
    kill(site, call, When.BEFORE)
    assert_the_next_one_works(site)


def before_a_rollback() -> Site:
    site = before_the_second()
    site.up()
    site.forget()
    return site


_back = before_a_rollback()
BACK = [call for call in made(_back, _back.rollback) if not call.looks]


@pytest.mark.parametrize("call", BACK, ids=str)
def test_a_rollback_that_is_killed_anywhere_serves_on_and_the_next_one_ends_at_its_target(
    call: Call,
) -> None:
    site = before_a_rollback()
    kill(site, call, act=site.rollback)
    assert site.serving() in ({"v1"}, {"v2"})
    if site.serving() == {"v2"}:
        site.rollback()
    else:
        assert site.up() is not None
        assert site.serving() == {"v2"}
        return
    assert site.serving() == {"v1"}
    assert site.status().drifts is False
    assert site.world.outages == []


def turning_sick() -> Site:
    """Version ``v2`` will fail once it has traffic, and must be undone."""
    site = before_the_second()
    site.world.calls.fail("proxy.health", Unhealthy("sick"), nth=2)
    return site


def _undoing() -> list[Call]:
    site = turning_sick()
    calls = made(site, lambda: outcome(site.up))
    seen = calls.index(Call("proxy.health", 2, ("web", "green")))
    return [call for call in calls[seen + 1 :] if not call.looks]


@pytest.mark.parametrize("call", _undoing(), ids=str)
def test_an_undo_that_is_killed_anywhere_is_finished_by_the_next(call: Call) -> None:
    site = turning_sick()
    kill(site, call)
    assert site.world.outages == []
    assert_the_next_one_works(site)
    # Before it was written down that it failed, it is as one that is well and was just killed.
    unknown = call.name == "history.step_ended" and call == _undoing()[0]
    ends = {State.SUPERSEDED} if unknown else {State.INTERRUPTED, State.FAILED}
    assert site.records[1].state in ends
    assert site.status().drifts is False


def take_over() -> Site:
    site = Site()
    site.world.networks.add("shop_default")
    site.world.run_by_hand("web", "v0", ":8000")
    site.source("v1", does=QUICK)
    return site


_taking = take_over()
TAKING = [call for call in made(_taking, lambda: _taking.up(take_over=True)) if not call.looks]


@pytest.mark.parametrize("call", TAKING, ids=str)
def test_killed_anywhere_in_a_take_over_the_next_one_works(call: Call) -> None:
    site = take_over()
    site.world.calls.at(call.name, Dead(site), nth=call.nth)
    with pytest.raises(Killed):
        site.up(take_over=True)
    site.forget()
    site.world.owner = None
    assert site.status() is not None
    site.source("v2")
    assert site.up(take_over=True) is not None
    assert site.serving() == {"v2"}


@pytest.mark.parametrize("when", [When.BEFORE, When.HALFWAY])
def test_killed_between_stopping_the_users_container_and_the_ports_it_is_given_back(
    when: When,
) -> None:
    """Nobody serves then: the next up heals it, whether or not it may take over itself."""
    site = take_over()
    site.world.calls.at("proxy.apply", Dead(site), when=when, nth=2)
    with pytest.raises(Killed):
        site.up(take_over=True)
    site.forget()
    site.world.owner = None
    assert site.serving() == {None}
    (drift,) = site.status().drift
    assert "no container answers requests for web" in drift.problem
    assert (
        hint_text(drift.remedy)
        == "docker bluegreen up returns the ports and names to the previous containers"
    )
    site.up(force=True, take_over=True)
    assert site.observer.keys[0] == "give_back"
    assert site.records[1].state is State.INTERRUPTED
    assert site.serving() == {"v1"}


def test_one_killed_before_the_switch_is_recorded_as_interrupted_at_its_step() -> None:
    site = before_the_second()
    kill(site, Call("workloads.start_colours", 1), When.AFTER)
    assert site.up() is not None
    killed = site.records[1]
    assert killed.state is State.INTERRUPTED
    assert killed.reason == "stopped at “start web-green”; the previous version is still live"
    assert site.observer.remarks == [f"deployment 2 {killed.reason}"]


def test_one_killed_before_its_first_step_says_so() -> None:
    site = before_the_second()
    kill(site, Call("history.begin", 1), When.AFTER)
    site.up()
    assert site.records[1].reason.startswith("stopped before its first step")


def test_one_killed_after_the_switch_is_live_and_stays() -> None:
    site = before_the_second()
    kill(site, Call("proxy.route_to", 1), When.AFTER)
    assert site.up() is None
    settled = site.records[0]
    assert (settled.id, settled.state) == (2, State.LIVE)
    assert site.records[1].state is State.SUPERSEDED
    assert "its release stays live" in site.observer.remarks[0]
    assert site.routed() is Colour.GREEN


def test_one_killed_between_disk_and_memory_did_not_happen() -> None:
    site = before_the_second()
    kill(site, Call("proxy.route_to", 1), When.HALFWAY)
    site.source("v3")
    assert site.up() is not None
    assert site.records[1].state is State.INTERRUPTED
    assert site.serving() == {"v3"}
    assert site.world.outages == []


def test_one_that_is_under_way_is_not_settled_by_whoever_is_refused_by_the_lock() -> None:
    site = before_the_second()
    states: list[State] = []

    def rival() -> None:
        site.ctx.clock.sleep(1)
        with pytest.raises(Exception, match="under way"):
            site.up()
        states.append(site.records[0].state)

    site.world.calls.at("workloads.start_colours", rival)
    assert site.up() is not None
    assert states == [State.STARTING]


def test_one_that_records_its_own_failure_meanwhile_is_no_obstacle() -> None:
    """A command that fails before it has the lock records that without the lock."""
    site = before_the_second()
    failed = site.history.begin(NewDeployment(ENGINE, "shop", Kind.UP, ("web",), "bob@ci", NOON))

    def bob_records_it() -> None:
        site.history.to(failed, State.FAILED, NOON, "no proxy")

    site.world.calls.at("history.to", bob_records_it)
    assert site.up() is not None
    assert site.serving() == {"v2"}
    assert site.records[1].reason == "no proxy"


def test_one_that_another_command_has_settled_meanwhile_is_left_to_it() -> None:
    """After a `down` by others there is no lock that could tell it."""
    site = before_the_second()
    left = site.history.begin(NewDeployment(ENGINE, "shop", Kind.UP, ("web",), "bob@ci", NOON))
    site.world.calls.at("history.to", lambda: site.history.to(left, State.INTERRUPTED, NOON))
    with pytest.raises(LockLost, match="another command has ended deployment 2"):
        site.up()
    assert_v1_serves(site)
