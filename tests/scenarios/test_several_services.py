"""Several services are one release: all of them are switched to, or none is."""

from __future__ import annotations

from typing import Any, cast

import pytest

from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import BluegreenError, NeedsPerson, Unhealthy
from compose_bluegreen.domain.states import State
from testkit.failures import failures, made, outcome, the_error
from testkit.fakes.calls import Call, When
from testkit.fakes.site import Site, a_service
from testkit.fakes.world import Behaviour
from testkit.killing import kill

QUICK = Behaviour(healthy_after=0.0)
NEVER = Behaviour(healthy_after=1e9)
HEALTHY = {"api": {"condition": "service_healthy"}}


def a_set(**needs: Any) -> Site:
    """``web`` and ``api``; ``needs`` are further keys of ``web``."""
    return Site(web=a_service(**needs), api=a_service("api", port=""))


def live_set(**needs: Any) -> Site:
    """Both are live in their first version, on blue; the second is ready to be built."""
    site = a_set(**needs)
    site.source("w1", does=QUICK), site.source("a1", "api", does=QUICK)
    assert site.up() is not None
    site.source("w2", does=QUICK), site.source("a2", "api", does=QUICK)
    site.forget()
    return site


def serving(site: Site) -> tuple[set[str | None], set[str | None]]:
    return site.serving("web"), site.serving("api")


def the_next_one_works(site: Site) -> None:
    site.forget()
    site.world.owner = None
    site.source("w9"), site.source("a9", "api")
    if site.records[0].state is State.STUCK:
        assert isinstance(outcome(site.up), NeedsPerson)
        site.abort()
        site.source("w9"), site.source("a9", "api")
    assert site.up() is not None
    assert serving(site) == ({"w9"}, {"a9"})
    assert len(site.world.running()) == 2


def test_a_set_is_started_proven_switched_drained_and_removed_as_one() -> None:
    site = live_set()
    site.up()
    assert site.observer.keys[2:8] == [
        "start",
        "health",
        "switch",
        "verify",
        "drain",
        "retire:remove",
    ]
    assert len(site.world.calls.of("workloads.start_colours")) == 1
    assert len(site.world.calls.of("workloads.remove")) == 1
    assert site.world.outages == []


def test_services_get_well_side_by_side() -> None:
    site = live_set()
    slow = Behaviour(healthy_after=10.0)
    site.source("w3", does=slow), site.source("a3", "api", does=slow)
    before = site.world.time
    site.up()
    assert site.world.time - before < 11.0


def test_requests_on_several_old_colours_end_side_by_side() -> None:
    site = live_set()
    site.world.busy("web", Colour.BLUE, 8.0)
    site.world.busy("api", Colour.BLUE, 9.0)
    before = site.world.time
    site.up()
    assert site.world.time - before < 11.0
    assert site.world.cut == []


def test_what_crashes_ends_the_waiting_for_all() -> None:
    """Nobody waits for one that is slow when another never comes."""
    site = live_set()
    site.source("w3", does=Behaviour(healthy_after=60.0))
    site.source("a3", "api", does=Behaviour(ends_after=0.5, exit_code=7))
    before = site.world.time
    with pytest.raises(Unhealthy, match="api-green-1 ended with exit code 7"):
        site.up()
    assert site.world.time - before < 5.0
    assert serving(site) == ({"w1"}, {"a1"})
    assert len(site.world.running()) == 2


def test_one_that_never_gets_healthy_keeps_all_from_being_switched() -> None:
    site = live_set()
    site.source("a3", "api", does=NEVER)
    with pytest.raises(Unhealthy, match="api-green was not healthy"):
        site.up()
    assert site.world.calls.of("proxy.route_to") == []
    assert serving(site) == ({"w1"}, {"a1"})
    assert len(site.world.running()) == 2
    assert site.records[0].state is State.FAILED
    assert site.world.names["web:latest"] == "sha256:w1"


def test_what_must_be_healthy_first_is_proven_before_the_other_starts() -> None:
    site = live_set(depends_on=HEALTHY)
    site.source("a3", "api", does=Behaviour(healthy_after=3.0))
    began = site.world.time
    site.up()
    calls = site.world.calls.of("workloads.start_colours")
    started = [one.release.service for (colours,) in calls for one in cast("Any", colours)]
    assert (len(calls), started) == (2, ["api", "web"])
    boxes = site.world.boxes
    assert boxes["shop-bluegreen-api-green-1"].started == began
    assert (boxes["shop-bluegreen-web-green-1"].started or 0.0) >= began + 3.0


def test_what_must_be_healthy_first_and_never_is_keeps_the_other_from_starting() -> None:
    site = live_set(depends_on=HEALTHY)
    site.source("a3", "api", does=NEVER)
    with pytest.raises(Unhealthy):
        site.up()
    assert len(site.world.calls.of("workloads.start_colours")) == 1
    assert serving(site) == ({"w1"}, {"a1"})
    assert len(site.world.running()) == 2


def test_the_unchanged_one_is_left_where_it_is() -> None:
    site = live_set()
    site.source("w1")
    done = site.up()
    assert done is not None
    assert [part.service for part in done.parts] == ["api"]
    assert (site.routed("web"), site.routed("api")) == (Colour.BLUE, Colour.GREEN)


def test_with_all_the_unchanged_one_comes_along() -> None:
    site = live_set()
    site.source("w1")
    done = site.up(together=True)
    assert done is not None
    assert [part.service for part in done.parts] == ["web", "api"]
    assert serving(site) == ({"w1"}, {"a2"})
    assert (site.routed("web"), site.routed("api")) == (Colour.GREEN, Colour.GREEN)


def test_with_all_and_nothing_changed_nothing_is_done() -> None:
    site = live_set()
    site.source("w1"), site.source("a1", "api")
    assert site.up(together=True) is None


def test_a_new_service_joins_the_colour_of_the_others() -> None:
    site = Site(web=a_service())
    site.release("w1")
    site.file["services"]["api"] = a_service("api", port="")
    site.source("w2"), site.source("a1", "api")
    site.up(recreate_proxy=True)
    assert (site.routed("web"), site.routed("api")) == (Colour.GREEN, Colour.GREEN)


def test_what_a_named_service_needs_comes_along_where_nobody_has_it_yet() -> None:
    site = a_set(depends_on=HEALTHY)
    site.source("w1"), site.source("a1", "api")
    done = site.up("web")
    assert done is not None
    assert {part.service for part in done.parts} == {"web", "api"}
    site.source("w2"), site.source("a2", "api")
    site.up("web")
    assert serving(site) == ({"w2"}, {"a1"})


def test_what_a_named_service_needs_and_somebody_runs_by_hand_is_left_to_them() -> None:
    site = a_set(depends_on=HEALTHY)
    site.world.networks.add("shop_default")
    site.world.run_by_hand("api", "a0")
    site.source("w1"), site.source("a1", "api")
    done = site.up("web")
    assert done is not None
    assert [part.service for part in done.parts] == ["web"]


def test_an_image_that_was_given_is_only_for_the_service_that_was_named() -> None:
    site = a_set(depends_on=HEALTHY)
    site.source("a1", "api")
    site.world.names["given:1"] = site.world.make_image("given")
    site.up("web", image="given:1")
    assert serving(site) == ({"given"}, {"a1"})


def test_the_set_is_rolled_back_as_one() -> None:
    site = live_set()
    site.up()
    site.forget()
    done = site.rollback()
    assert done is not None
    assert serving(site) == ({"w1"}, {"a1"})
    assert site.world.calls.of("proxy.route_to") == [({"web": Colour.BLUE, "api": Colour.BLUE},)]


def test_rolled_back_again_the_set_before_comes_back_and_no_mixture() -> None:
    """api was released once more by itself: first that is taken back, then the set before it."""
    site = live_set()
    site.up()
    site.source("w2"), site.source("a3", "api")
    site.up()
    assert serving(site) == ({"w2"}, {"a3"})
    site.rollback()
    assert serving(site) == ({"w2"}, {"a2"})
    site.rollback()
    assert serving(site) == ({"w1"}, {"a1"})


def test_one_rollback_brings_each_back_from_where_it_was_last_well() -> None:
    """And the next one takes back what was released last of what is live then."""
    site = Site(web=a_service(), api=a_service("api", port=""))
    site.source("w1"), site.source("a1", "api")
    site.up()
    for version in ("a2", "a3"):
        site.source(version, "api")
        site.up()
    site.source("w2"), site.source("a4", "api")
    site.up()
    found = []
    for _ in range(3):
        site.rollback()
        found.append(serving(site))
    assert found == [({"w1"}, {"a3"}), ({"w1"}, {"a2"}), ({"w1"}, {"a1"})]


def test_to_a_deployment_whose_part_is_live_already_only_the_rest_moves() -> None:
    site = live_set()
    site.source("w1")
    site.up()
    done = site.rollback(to=1)
    assert done is not None
    assert [part.service for part in done.parts] == ["api"]
    assert serving(site) == ({"w1"}, {"a1"})


def test_a_set_of_which_one_is_new_is_not_taken_back_by_halves() -> None:
    site = Site(web=a_service())
    site.release("w1")
    site.file["services"]["api"] = a_service("api", port="")
    site.source("w2"), site.source("a1", "api")
    site.up(recreate_proxy=True)
    with pytest.raises(BluegreenError, match="api has no earlier healthy release") as refused:
        site.rollback()
    assert hint_text(refused.value.hint).startswith("docker bluegreen rollback web ")
    site.rollback("web")
    assert serving(site) == ({"w1"}, {"a1"})


before, after_ = live_set(depends_on=HEALTHY), live_set()
WAVES = made(before, before.up)
ALL = made(after_, after_.up)


@pytest.mark.parametrize(("call", "when", "kind"), failures(ALL, ("error", "interrupt")), ids=str)
def test_whatever_fails_both_are_live_in_one_release(call: Call, when: When, kind: str) -> None:
    site = live_set()
    site.world.calls.fail(call.name, the_error(kind, call), when=when, nth=call.nth)
    raised = outcome(site.up)
    assert raised is None or isinstance(raised, BluegreenError)
    assert site.world.outages == []
    assert serving(site) in (({"w1"}, {"a1"}), ({"w2"}, {"a2"}))
    the_next_one_works(site)


@pytest.mark.parametrize("call", [call for call in WAVES if not call.looks], ids=str)
def test_killed_anywhere_both_are_live_in_one_release(call: Call) -> None:
    site = live_set(depends_on=HEALTHY)
    kill(site, call)
    assert site.world.outages == []
    assert serving(site) in (({"w1"}, {"a1"}), ({"w2"}, {"a2"}))
    the_next_one_works(site)
    assert site.world.outages == []


@pytest.mark.parametrize("name", ["workloads.start_colours", "proxy.route_to", "workloads.remove"])
def test_killed_halfway_through_an_act_both_are_live_in_one_release(name: str) -> None:
    site = live_set()
    kill(site, Call(name, 1), When.HALFWAY if name != "workloads.remove" else When.AFTER)
    assert serving(site) in (({"w1"}, {"a1"}), ({"w2"}, {"a2"}))
    the_next_one_works(site)
