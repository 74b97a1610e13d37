"""The page: what a deploy does, in which order, and what it refuses to begin."""

from __future__ import annotations

from datetime import timedelta

import pytest

from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import BluegreenError, Interrupted
from compose_bluegreen.domain.states import Outcome, State
from testkit.fakes.site import Site, a_service
from testkit.fakes.world import Behaviour

FIRST = [
    "proxy:create",
    "build:web",
    "start",
    "health",
    "switch",
    "verify",
    "image:keep:web",
    "image:point:web",
    "image:prune:web",
]
SECOND = [
    "build:web",
    "start",
    "health",
    "switch",
    "verify",
    "drain",
    "retire:remove",
    "image:keep:web",
    "image:point:web",
    "image:prune:web",
]


def test_the_first_deploy_makes_a_proxy_and_lets_blue_serve(site: Site) -> None:
    site.source("v1")
    done = site.up()
    assert done is not None
    assert (done.state, done.part("web")) is not None
    assert site.observer.keys == FIRST
    assert site.serving() == {"v1"}
    assert site.routed() is Colour.BLUE
    assert site.world.running() == ["shop-bluegreen-web-blue-1"]


def test_the_second_deploy_drains_blue_before_it_removes_it(serving: Site) -> None:
    serving.source("v2")
    done = serving.up()
    assert done is not None
    assert serving.observer.keys == SECOND
    assert serving.serving() == {"v2"}
    assert serving.world.running() == ["shop-bluegreen-web-green-1"]
    assert [one.state for one in serving.records] == [State.LIVE, State.SUPERSEDED]


def test_the_third_deploy_goes_back_to_blue(serving: Site) -> None:
    serving.release("v2")
    serving.release("v3")
    assert serving.routed() is Colour.BLUE
    assert serving.world.running() == ["shop-bluegreen-web-blue-1"]


def test_a_plain_deploy_does_not_touch_the_proxys_own_configuration(serving: Site) -> None:
    serving.source("v2")
    serving.up()
    assert serving.world.calls.of("proxy.apply") == []


def test_history_gets_each_step_with_its_cause_and_its_times(serving: Site) -> None:
    serving.source("v2", does=Behaviour(healthy_after=1.5))
    done = serving.up(message="faster")
    assert done is not None
    assert [step.key for step in done.steps] == SECOND
    assert {step.outcome for step in done.steps} == {Outcome.DONE}
    waited = done.steps[2]
    assert waited.cause == "only healthy colours receive requests"
    assert waited.duration is not None
    assert timedelta(seconds=1.5) <= waited.duration < timedelta(seconds=1.6)
    assert (done.message, done.git_revision) == ("faster", "f00dfeed")


def test_the_state_is_written_before_the_act_that_it_names(serving: Site) -> None:
    serving.source("v2")
    serving.up()
    acts = {"history.to", "history.promote", "workloads.start_colours", "proxy.route_to"}
    assert [name for name in serving.world.calls.names if name in acts] == [
        "history.to",
        "workloads.start_colours",
        "history.to",
        "proxy.route_to",
        "history.promote",
    ]


def test_replicas_are_started_checked_and_removed_together() -> None:
    site = Site(web=a_service(deploy={"replicas": 3}))
    site.release("v1")
    site.release("v2")
    assert site.world.running() == [f"shop-bluegreen-web-green-{n}" for n in (1, 2, 3)]
    assert site.serving() == {"v2"}
    assert site.world.outages == []


def test_requests_in_flight_finish_on_the_old_colour(serving: Site) -> None:
    serving.world.busy("web", Colour.BLUE, seconds=5)
    serving.release("v2")
    assert serving.world.cut == []
    assert serving.world.time >= 5


def test_a_drain_ends_with_its_timeout_and_says_how_many_were_cut() -> None:
    site = Site(web=a_service(bluegreen={"drain_timeout": "2s"}))
    site.release("v1")
    site.world.busy("web", Colour.BLUE, seconds=60)
    site.source("v2")
    done = site.up()
    assert done is not None
    drained = next(step for step in done.steps if step.key == "drain")
    assert drained.detail == "1 still in flight after 2 s were cut"
    assert len(site.world.cut) == 1


def test_several_services_are_switched_in_one_act() -> None:
    site = Site(web=a_service(), api=a_service("api", port=""))
    for service in ("web", "api"):
        site.source(f"{service}1", service)
    done = site.up()
    assert done is not None
    assert site.world.calls.of("proxy.route_to") == [({"web": Colour.BLUE, "api": Colour.BLUE},)]
    assert (site.serving("web"), site.serving("api")) == ({"web1"}, {"api1"})
    assert [part.service for part in done.parts] == ["web", "api"]
    names = [step.key for step in done.steps]
    assert names.index("health") < names.index("switch")


def test_of_several_services_only_those_that_changed_are_deployed() -> None:
    site = Site(web=a_service(), api=a_service("api", port=""))
    site.source("web1"), site.source("api1", "api")
    site.up()
    site.source("api2", "api")
    done = site.up()
    assert done is not None
    assert [part.service for part in done.parts] == ["api"]
    assert site.world.running() == ["shop-bluegreen-api-green-1", "shop-bluegreen-web-blue-1"]


def test_nothing_changed_means_no_deployment_and_no_record(serving: Site) -> None:
    assert serving.up() is None
    assert len(serving.records) == 1
    assert serving.observer.keys == ["build:web"]
    assert serving.world.running() == ["shop-bluegreen-web-blue-1"]


def test_force_deploys_what_has_not_changed(serving: Site) -> None:
    assert serving.up(force=True) is not None
    assert serving.routed() is Colour.GREEN


def test_an_edited_environment_is_a_change(serving: Site) -> None:
    serving.file["services"]["web"]["environment"] = {"HELLO": "ola"}
    assert serving.up() is not None
    assert serving.routed() is Colour.GREEN


def test_a_live_colour_that_has_stopped_is_deployed_again(serving: Site) -> None:
    serving.world.boxes["shop-bluegreen-web-blue-1"].started = None
    assert serving.up() is not None
    assert serving.serving() == {"v1"}
    serving.world.outages.clear()


def test_leftovers_in_the_idle_colour_are_removed_first(serving: Site) -> None:
    serving.world.calls.fail("workloads.remove", BluegreenError("busy"))
    serving.source("v2")
    assert serving.up() is not None
    assert len(serving.world.running()) == 2
    serving.release("v3")
    assert serving.world.running() == ["shop-bluegreen-web-blue-1"]


def test_leftovers_that_still_answer_are_drained_before_they_are_removed(serving: Site) -> None:
    """As after Ctrl-C during a long drain, and the same command once more."""
    serving.world.busy("web", Colour.BLUE, seconds=9)
    serving.world.calls.fail("proxy.in_flight", Interrupted("ctrl-c"), nth=2)
    serving.source("v2")
    with pytest.raises(Interrupted):
        serving.up()
    serving.release("v3")
    assert serving.world.cut == []
    assert serving.world.time >= 9


def test_leftovers_are_removed_even_if_nothing_changed(serving: Site) -> None:
    serving.world.calls.fail("workloads.remove", BluegreenError("busy"))
    serving.source("v2")
    serving.up()
    serving.forget()
    assert serving.up() is None
    assert serving.observer.keys == ["remove:leftover:web", "build:web"]
    assert serving.world.running() == ["shop-bluegreen-web-green-1"]


def test_an_interrupt_while_draining_does_not_remove_what_still_answers(serving: Site) -> None:
    serving.world.busy("web", Colour.BLUE, seconds=5)
    serving.world.calls.fail("proxy.in_flight", Interrupted("interrupted by SIGINT"), nth=3)
    serving.source("v2")
    with pytest.raises(Interrupted, match="stays live"):
        serving.up()
    assert serving.serving() == {"v2"}
    assert "shop-bluegreen-web-blue-1" in serving.world.running()
    assert serving.records[0].state is State.LIVE


def test_a_drain_that_cannot_be_measured_does_not_remove_what_may_still_answer(
    serving: Site,
) -> None:
    serving.world.busy("web", Colour.BLUE, seconds=5)
    serving.world.calls.fail("proxy.in_flight", BluegreenError("no answer"), nth=2)
    serving.source("v2")
    assert serving.up() is not None
    assert "shop-bluegreen-web-blue-1" in serving.world.running()
    assert any("drain web-blue" in text for text in serving.observer.remarks)
