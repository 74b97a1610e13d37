"""By hand: what is proven waits, until a person promotes it or takes it away."""

from __future__ import annotations

from datetime import timedelta

import pytest

from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import BluegreenError, Unhealthy
from compose_bluegreen.domain.project_ref import ProjectRef
from compose_bluegreen.domain.states import State
from testkit.failures import (
    BLUE,
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
from testkit.fakes.world import ENGINE, Behaviour
from testkit.killing import kill
from testkit.pending import assert_it_waits

SICK = Behaviour(sick_after=0.0)


# ── up --no-switch ───────────────────────────────────────────────────────────────────────────


def test_it_stops_before_the_switch_with_the_idle_colour_proven(held: Site) -> None:
    assert_it_waits(held)
    assert held.routed() is Colour.BLUE
    assert [step.key for step in held.records[0].steps] == [
        "build:web",
        "start",
        "health",
        "hold",
    ]


def test_one_that_is_not_healthy_never_waits() -> None:
    site = before_the_second()
    site.source("v2", does=SICK)
    with pytest.raises(Unhealthy):
        site.up(no_switch=True)
    assert site.records[0].state is State.FAILED
    assert site.world.running() == [BLUE]


def test_a_first_release_may_wait_too_and_nobody_is_served() -> None:
    site = before_the_first()
    site.up(no_switch=True)
    assert site.routed() is None
    assert not site.status().drifts
    site.promote()
    assert site.serving() == {"v1"}


def test_its_image_is_kept_and_the_name_of_the_build_means_what_serves(held: Site) -> None:
    assert held.world.names_of("sha256:v2") == ["bluegreen/shop/web:v2"]
    assert held.world.names["web:latest"] == "sha256:v1"


def test_nothing_that_changed_is_nothing_that_waits(serving: Site) -> None:
    assert serving.up(no_switch=True) is None
    assert serving.history.waiting(ProjectRef(ENGINE, "shop")) == []


def test_it_takes_nothing_over_from_the_users_own_container(site: Site) -> None:
    site.world.networks.add("shop_default")
    site.world.run_by_hand("web", "v0", ":8000")
    site.source("v1")
    with pytest.raises(BluegreenError, match="shop-web-1 of your own project is live") as refused:
        site.up(no_switch=True, take_over=True)
    assert "docker bluegreen up --take-over" in hint_text(refused.value.hint)
    assert site.world.running() == ["shop-web-1"]


def test_the_plan_of_it_ends_where_it_waits_and_names_what_gives_way(held: Site) -> None:
    told: list[tuple[str, str]] = []
    held.up(
        no_switch=True, dry_run=True, tell_plan=lambda step: told.append((step.name, step.cause))
    )
    names = [name for name, _ in told]
    assert names[-1] == "leave web-green waiting"
    assert ("remove waiting deployment 2", "its colour is needed") in told
    assert not any("switch" in name or "drain" in name for name in names)
    assert_it_waits(held)


SECOND = made(_site := before_the_second(), lambda: _site.up(no_switch=True))


@pytest.mark.parametrize(("call", "when", "kind"), failures(SECOND), ids=str)
def test_whatever_fails_it_waits_or_is_undone(call: Call, when: When, kind: str) -> None:
    site = before_the_second()
    site.world.calls.fail(call.name, the_error(kind, call), when=when, nth=call.nth)
    raised = outcome(lambda: site.up(no_switch=True))
    assert site.world.outages == []
    assert site.serving() == {"v1"}
    if site.history.waiting(ProjectRef(ENGINE, "shop")):
        assert_it_waits(site)
    else:
        assert raised is not None
        assert site.world.running() == [BLUE]
        assert site.world.names["web:latest"] == "sha256:v1"
    assert_the_next_one_works(site)


@pytest.mark.parametrize("call", [one for one in SECOND if not one.looks], ids=str)
def test_killed_anywhere_the_next_one_works(call: Call) -> None:
    site = before_the_second()
    kill(site, call, act=lambda: site.up(no_switch=True))
    assert site.serving() == {"v1"}
    assert_the_next_one_works(site)
    assert site.history.waiting(ProjectRef(ENGINE, "shop")) == []


# ── abort, and what else is done while one waits ─────────────────────────────────────────────


def test_the_next_up_takes_its_place_and_says_so(held: Site) -> None:
    held.source("v3")
    held.up()
    assert held.observer.keys.index("replace_waiting:2") == 1
    assert held.serving() == {"v3"}
    waited = held.records[1]
    assert waited.state is State.INTERRUPTED
    assert waited.reason.endswith("; deployment 3 replaced it")
    assert "sha256:v2" not in held.world.behaviours


def test_an_up_whose_build_fails_leaves_it_waiting(held: Site) -> None:
    held.source("v3")
    held.world.calls.fail("workloads.build", BluegreenError("no space"))
    assert isinstance(outcome(held.up), BluegreenError)
    assert held.records[1].state is State.WAITING
    assert held.serving() == {"v1"}
    held.promote()
    assert held.serving() == {"v2"}


def test_an_up_without_changes_leaves_it_waiting(held: Site) -> None:
    held.source("v1")
    assert held.up() is None
    assert_it_waits(held)


def test_an_up_of_another_service_leaves_it_waiting_unless_that_is_to_wait_too() -> None:
    site = Site(web=a_service(), api=a_service("api", port=""))
    site.source("v1"), site.source("a1", "api")
    site.up()
    site.source("v2", does=QUICK)
    site.up("web", no_switch=True)
    site.source("a2", "api", does=QUICK)
    site.up("api")
    assert [one.state for one in site.records] == [State.LIVE, State.WAITING, State.LIVE]
    assert not site.status().drifts
    site.source("a3", "api", does=QUICK)
    site.up("api", no_switch=True)
    assert [one.state for one in site.records][:3] == [State.WAITING, State.LIVE, State.INTERRUPTED]
    assert (site.serving("web"), site.serving("api")) == ({"v1"}, {"a2"})


def test_a_rollback_takes_its_place() -> None:
    site = before_the_second()
    site.up()
    site.source("v3", does=QUICK)
    site.up(no_switch=True)
    site.rollback()
    assert site.serving() == {"v1"}
    assert site.records[1].state is State.INTERRUPTED
    assert not site.status().drifts


def test_down_takes_it_along(held: Site) -> None:
    held.down()
    assert held.world.running() == []
    assert held.records[0].state is State.INTERRUPTED
    held.world.outages.clear()


def test_repair_and_prune_leave_it_alone(held: Site) -> None:
    before = dict(held.world.boxes)
    assert held.repair().remaining == ()
    assert held.world.boxes == before
    assert "sha256:v2" in held.world.behaviours
    assert_it_waits(held)


def test_resume_says_that_it_waits(held: Site) -> None:
    with pytest.raises(
        BluegreenError, match="no deployment of shop is interrupted; deployment 2 is waiting"
    ):
        held.resume()


def test_status_says_who_waits_since_when(held: Site) -> None:
    waits = held.status().waits
    assert waits is not None
    assert (waits.id, waits.actor) == (2, "ada@laptop")
    assert held.ctx.clock.now() - waits.held_since >= timedelta(days=1)
    seen = held.seen()
    assert seen.idle is not None
    assert seen.idle.colour is Colour.GREEN
