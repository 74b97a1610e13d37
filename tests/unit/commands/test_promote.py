"""``promote``: a pending release is checked again and goes live."""

from __future__ import annotations

import pytest

from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import BluegreenError, NeedsPerson, Unhealthy
from compose_bluegreen.domain.states import State
from compose_bluegreen.steps.rollout import named, plan_rollouts
from testkit.failures import (
    BLUE,
    GREEN,
    QUICK,
    assert_the_next_one_works,
    before_the_first,
    before_the_second,
    failures,
    made,
    outcome,
    the_error,
)
from testkit.fakes.calls import Call, When
from testkit.fakes.site import Site, a_service
from testkit.fakes.world import Behaviour
from testkit.killing import kill
from testkit.pending import DAY, waiting

SICK = Behaviour(sick_after=0.0)


def test_promote_proves_it_anew_and_goes_on_as_any_other(held: Site) -> None:
    done = held.promote()
    assert done is not None
    assert (done.id, done.state) == (2, State.LIVE)
    assert held.serving() == {"v2"}
    assert held.world.running() == [GREEN]
    assert held.world.names["web:latest"] == "sha256:v2"
    assert held.records[1].state is State.SUPERSEDED
    assert held.observer.keys == [
        "promote:health",
        "switch",
        "verify",
        "drain",
        "retire:remove",
        "image:keep:web",
        "image:point:web",
        "image:prune:web",
    ]
    assert not held.status().drifts
    assert held.rollback() is not None
    assert held.serving() == {"v1"}


@pytest.mark.parametrize(
    ("box", "says"),
    [
        ("sick", "not healthy"),
        ("stopped", "web-green is not running"),
        ("gone", "web-green is not running"),
    ],
)
def test_what_is_no_longer_well_goes_on_waiting(box: str, says: str, held: Site) -> None:
    if box == "sick":
        held.world.boxes[GREEN].behaviour = SICK
    elif box == "stopped":
        held.world.boxes[GREEN].started = None
    else:
        del held.world.boxes[GREEN]
    with pytest.raises(BluegreenError, match="deployment 2 keeps waiting: ") as refused:
        held.promote()
    assert says in refused.value.message
    assert not isinstance(refused.value, NeedsPerson)
    assert "docker bluegreen abort" in hint_text(refused.value.hint)
    assert held.records[0].state is State.WAITING
    assert held.serving() == {"v1"}


def test_a_healthcheck_is_asked_now_and_not_believed() -> None:
    """Docker's word may be as old as its interval."""
    site = before_the_second()
    site.source("v2", does=Behaviour(healthy_after=0.0, healthcheck=0.0))
    site.up(no_switch=True)
    site.ctx.clock.sleep(DAY)
    site.forget()
    site.promote()
    assert "engine.probe" in site.world.calls.names


def test_one_that_failed_to_be_proven_is_promoted_when_it_is_well_again(held: Site) -> None:
    """And a kill after that switch isn't taken for the end of an undo."""
    well = held.world.boxes[GREEN].behaviour
    held.world.boxes[GREEN].behaviour = SICK
    assert isinstance(outcome(held.promote), BluegreenError)
    held.world.boxes[GREEN].behaviour = well
    held.forget()
    kill(held, Call("proxy.route_to", 1), When.AFTER, held.promote)
    done = held.promote()
    assert done is not None
    assert (done.id, done.state) == (2, State.LIVE)
    assert held.serving() == {"v2"}


def test_one_that_turns_sick_under_traffic_is_switched_back_and_taken_away(held: Site) -> None:
    held.world.calls.fail("proxy.health", Unhealthy("sick"), nth=2)
    with pytest.raises(Unhealthy):
        held.promote()
    assert held.records[0].state is State.FAILED
    assert held.serving() == {"v1"}
    assert held.world.running() == [BLUE]


PROMOTED = made(_held := waiting(), _held.promote)


@pytest.mark.parametrize(("call", "when", "kind"), failures(PROMOTED), ids=str)
def test_a_promotion_that_fails_anywhere_loses_nothing(call: Call, when: When, kind: str) -> None:
    site = waiting()
    site.world.calls.fail(call.name, the_error(kind, call), when=when, nth=call.nth)
    raised = outcome(site.promote)
    assert site.world.outages == []
    assert site.world.cut == []
    state = site.records[0].state
    if state is State.LIVE:
        assert site.serving() == {"v2"}
    elif state is State.WAITING:
        assert raised is not None
        assert site.serving() == {"v1"}
        assert site.world.running() == [BLUE, GREEN]
    else:
        assert raised is not None
        assert site.serving() == {"v1"}
        assert site.world.running() == [BLUE]
    assert_the_next_one_works(site)


@pytest.mark.parametrize("call", [one for one in PROMOTED if not one.looks], ids=str)
def test_a_promotion_that_is_killed_anywhere_is_settled_by_the_next(call: Call) -> None:
    site = waiting()
    kill(site, call, act=site.promote)
    assert site.world.outages == []
    assert site.serving() in ({"v1"}, {"v2"})
    assert_the_next_one_works(site)
    assert site.world.outages == []


@pytest.mark.parametrize("call", [one for one in PROMOTED if not one.looks], ids=str)
def test_a_promotion_that_is_killed_anywhere_can_be_given_again(call: Call) -> None:
    """Unless it was killed between the state and its act: then what waited is taken away."""
    site = waiting()
    kill(site, call, act=site.promote)
    raised = outcome(site.promote)
    assert site.world.outages == []
    if raised is None:
        assert site.serving() == {"v2"}
    else:
        assert "is waiting for promotion" in str(raised)
        assert site.serving() in ({"v1"}, {"v2"})
        assert site.records[0].state in {State.INTERRUPTED, State.LIVE}
    assert not site.status().drifts


def test_a_first_release_does_not_take_over_from_what_was_started_meanwhile() -> None:
    site = before_the_first()
    site.up(no_switch=True)
    site.world.run_by_hand("web", "v0")
    with pytest.raises(BluegreenError, match="shop-web-1 of your own project is live"):
        site.promote()
    assert site.records[0].state is State.WAITING


def test_where_nothing_waits_promote_says_how_to_make_it(serving: Site) -> None:
    with pytest.raises(BluegreenError, match="no deployment of shop is waiting") as refused:
        serving.promote()
    assert "docker bluegreen up --no-switch" in hint_text(refused.value.hint)


def test_several_services_wait_and_are_promoted_in_one_act() -> None:
    site = Site(web=a_service(), api=a_service("api", port=""))
    site.source("v1"), site.source("a1", "api")
    site.up()
    site.source("v2", does=QUICK), site.source("a2", "api", does=QUICK)
    site.up(no_switch=True)
    site.forget()
    site.promote()
    assert site.world.calls.of("proxy.route_to") == [({"web": Colour.GREEN, "api": Colour.GREEN},)]
    assert (site.serving("web"), site.serving("api")) == ({"v2"}, {"a2"})


def test_whose_colour_somebody_gave_the_traffic_by_hand_is_not_promoted(held: Site) -> None:
    held.ctx.proxy.route_to({"web": Colour.GREEN})
    for act in (held.promote, held.abort):
        with pytest.raises(BluegreenError, match="web-green, which is live already"):
            act()
    assert held.serving() == {"v2"}
    part = held.records[0].parts[0]
    assert named(plan_rollouts([part.release], held.ctx)) == "web-blue"
