"""What a killed process left behind, settled by the next command.

Killed after one call is killed before the next one that changes anything, so each is tried before.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from compose_bluegreen.domain import Colour, State
from tests.fakes.calls import Call, When
from tests.fakes.site import Site
from tests.unit.failures import (
    QUICK,
    assert_the_next_one_works,
    before_the_first,
    before_the_second,
    made,
)


class Killed(BaseException):
    """As ``kill -9``: nobody undoes anything any more."""


@dataclass
class Dead:
    """Raised at one call, and then at every other: the process is gone."""

    site: Site

    def __call__(self) -> None:
        calls = self.site.world.calls
        for name in set(calls.names) | {"history.to", "proxy.route_to", "compose.remove"}:
            calls.at(name, self.again, nth=None)
        raise Killed

    def again(self) -> None:
        raise Killed


def kill(site: Site, call: Call, when: When) -> None:
    site.world.calls.at(call.name, Dead(site), when=when, nth=call.nth)
    with pytest.raises(Killed):
        site.up()
    site.forget()
    site.world.holder = None


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
    site.world.holder = None
    site.source("v2")
    assert site.up(take_over=True) is not None
    assert site.serving() == {"v2"}


def test_one_killed_before_the_switch_is_recorded_as_interrupted_at_its_step() -> None:
    site = before_the_second()
    kill(site, Call("compose.start_colour", 1), When.AFTER)
    assert site.up() is not None
    killed = site.records[1]
    assert killed.state is State.INTERRUPTED
    assert killed.reason == "killed at “start web-green”; what served before still serves"
    assert site.observer.remarks == [f"deployment 2 was {killed.reason}"]


def test_one_killed_before_its_first_step_says_so() -> None:
    site = before_the_second()
    kill(site, Call("history.begin", 1), When.AFTER)
    site.up()
    assert site.records[1].reason.startswith("killed before its first step")


def test_one_killed_after_the_switch_is_live_and_stays() -> None:
    site = before_the_second()
    kill(site, Call("proxy.route_to", 1), When.AFTER)
    assert site.up() is None
    settled = site.records[0]
    assert (settled.id, settled.state) == (2, State.LIVE)
    assert site.records[1].state is State.SUPERSEDED
    assert "its release is live and stays" in site.observer.remarks[0]
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
        site.ports.clock.sleep(1)
        with pytest.raises(Exception, match="under way"):
            site.up()
        states.append(site.records[0].state)

    site.world.calls.at("compose.start_colour", rival)
    assert site.up() is not None
    assert states == [State.STARTING]
