"""``--dry-run`` prints the steps that the real run takes, and touches nothing."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from compose_bluegreen.domain.errors import BluegreenError
from compose_bluegreen.domain.plan import PlannedStep
from compose_bluegreen.domain.states import State
from compose_bluegreen.ports.lock import ControlSignal, SignalRequest
from testkit.fakes.lock import FakeLock
from testkit.fakes.site import Site, a_service


def state_of(site: Site) -> object:
    world = site.world
    return deepcopy(
        (world.boxes, world.names, world.behaviours, world.networks, world.volumes, world.notes)
    )


def plan_of(site: Site, **order: object) -> list[PlannedStep]:
    steps: list[PlannedStep] = []
    before = state_of(site)
    assert site.up(tell_plan=steps.append, **order) is None
    assert state_of(site) == before
    assert [call for call in site.world.calls.made if not call.looks] == []
    site.forget()
    return steps


def planned(site: Site, **order: object) -> list[str]:
    return [str(step.key) for step in plan_of(site, **order)]


@pytest.fixture
def with_a_database() -> Site:
    return Site(
        web=a_service(depends_on={"db": {"condition": "service_started", "required": True}}),
        db={"image": "postgres:18"},
    )


def test_the_plan_of_a_first_deploy_is_what_it_does(site: Site) -> None:
    site.source("v1")
    steps = planned(site)
    site.up()
    assert site.observer.keys == steps


def test_the_plan_of_a_second_deploy_is_what_it_does(serving: Site) -> None:
    serving.source("v2")
    steps = planned(serving)
    serving.up()
    assert serving.observer.keys == steps


def test_the_plan_of_a_take_over_is_what_it_does(with_a_database: Site) -> None:
    site = with_a_database
    site.world.networks.add("shop_default")
    site.world.run_by_hand("web", "v0", ":8000")
    site.source("v1")
    steps = planned(site, take_over=True)
    site.up(take_over=True)
    assert site.observer.keys == steps
    assert steps[1] == "dependencies"


def test_the_plan_with_a_reload_is_what_it_does(serving: Site) -> None:
    serving.source("v2")
    serving.file["services"]["web"]["x-bluegreen"] = {"health": {"path": "/up"}}
    steps = planned(serving)
    serving.up()
    assert "proxy:reload" in steps
    assert serving.observer.keys == steps


def test_the_plan_of_a_stopped_proxy_is_what_it_does(serving: Site) -> None:
    proxy = serving.world.proxy_box()
    assert proxy is not None
    proxy.started = None
    serving.source("v2")
    steps = planned(serving)
    serving.up()
    assert serving.observer.keys == steps
    serving.world.outages.clear()


def test_the_plan_of_an_image_is_what_it_does(serving: Site) -> None:
    serving.world.registry["shop/web:2"] = "sha256:v2"
    steps = planned(serving, image="shop/web:2")
    serving.up(image="shop/web:2")
    assert serving.observer.keys == steps
    assert steps[0] == "pull:web"


def test_the_plan_of_a_rollback_is_what_it_does(serving: Site) -> None:
    serving.release("v2")
    steps: list[str] = []
    before = state_of(serving)
    assert serving.rollback(tell_plan=lambda step: steps.append(str(step.key))) is None
    assert state_of(serving) == before
    serving.forget()
    serving.rollback()
    assert serving.observer.keys == steps


def test_each_planned_step_has_a_cause(serving: Site) -> None:
    causes: dict[str, str] = {}
    serving.source("v2")
    serving.up(tell_plan=lambda step: causes.__setitem__(str(step.key), step.cause))
    assert all(causes.values())
    assert causes["start"] == "blue is live"


def test_what_would_be_refused_is_refused_in_a_dry_run_too(site: Site) -> None:
    site.world.run_by_hand("web", "v0", ":8000")
    site.source("v1")
    with pytest.raises(BluegreenError, match="of your own project is live"):
        planned(site)


# ── the plan as data ─────────────────────────────────────────────────────────────────────────

SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "canary": {"canary": "5%:1s,25%:2s"},
    "bake": {"bake": "2s"},
    "canary and bake": {"canary": "10%:1s", "bake": "1s"},
    "preview": {"preview": {"key": "a-long-secret-key"}},
    "hooks": {"hooks": {"pre_deploy": ["migrate", "seed"], "post_switch": "warm"}},
    "standby": {"standby": "10m"},
}


def a_set(settings: dict[str, Any]) -> Site:
    """Two services that are live together, with a new version of each to be built."""
    site = Site(web=a_service(bluegreen=settings), api=a_service("api", "8001"))
    site.source("v1"), site.source("a1", "api")
    site.up()
    site.forget()
    site.source("v2"), site.source("a2", "api")
    return site


def as_planned(plan: list[PlannedStep]) -> list[tuple[str, str, str]]:
    return [(str(step.key), step.name, step.cause) for step in plan]


@pytest.mark.parametrize("how", SETTINGS)
@pytest.mark.parametrize("order", [{}, {"no_switch": True}], ids=["switched", "held"])
def test_the_run_takes_exactly_the_steps_of_the_plan(how: str, order: dict[str, Any]) -> None:
    site = a_set(SETTINGS[how])
    plan = plan_of(site, **order)
    site.up(**order)
    assert site.observer.began == as_planned(plan)


@pytest.mark.parametrize("how", SETTINGS)
def test_a_rollback_takes_exactly_the_steps_of_its_plan(how: str) -> None:
    site = Site(web=a_service(bluegreen=SETTINGS[how]))
    site.release("v1"), site.release("v2")
    plan: list[PlannedStep] = []
    site.rollback(tell_plan=plan.append)
    site.forget()
    site.rollback()
    assert site.observer.began == as_planned(plan)


def test_a_canary_that_is_promoted_early_leaves_its_later_stages_out() -> None:
    site = Site(web=a_service(bluegreen={"canary": "5%:1m,25%:1m,50%:1m"}))
    site.release("v1")
    site.source("v2")
    plan = plan_of(site)
    promote = SignalRequest(ControlSignal.PROMOTE, "bob@ci")

    def promoted_by_bob() -> None:
        assert FakeLock(site.world).signal(promote)

    site.world.calls.at("proxy.traffic_stats", promoted_by_bob, nth=9)
    site.up()
    left_out = [step for step in as_planned(plan) if step not in site.observer.began]
    assert [key for key, _, _ in left_out] == ["canary:2", "canary:3"]


def test_a_plan_says_what_each_step_is_about_and_how_it_is_undone() -> None:
    site = a_set({})
    plan = {str(step.key): step for step in plan_of(site)}
    assert plan["build:web"].services == ("web",)
    assert plan["switch"].services == ("web", "api")
    assert plan["switch"].undo == "switch back"
    assert plan["switch"].enters is State.SWITCHING
    assert plan["drain"].undo == ""
    assert all(step.services for step in plan.values())
    assert plan_of(site) == list(plan.values())
