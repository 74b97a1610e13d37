"""``--dry-run`` prints the steps that the real run takes, and touches nothing."""

from __future__ import annotations

from copy import deepcopy

import pytest

from compose_bluegreen.domain.errors import BluegreenError
from testkit.fakes.site import Site, a_service


def state_of(site: Site) -> object:
    world = site.world
    return deepcopy(
        (world.boxes, world.names, world.behaviours, world.networks, world.volumes, world.notes)
    )


def planned(site: Site, **order: object) -> list[str]:
    steps: list[str] = []
    before = state_of(site)
    assert site.up(tell_plan=lambda name, cause: steps.append(name), **order) is None
    assert state_of(site) == before
    assert [call for call in site.world.calls.made if not call.looks] == []
    site.forget()
    return steps


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
    assert site.observer.steps == steps


def test_the_plan_of_a_second_deploy_is_what_it_does(serving: Site) -> None:
    serving.source("v2")
    steps = planned(serving)
    serving.up()
    assert serving.observer.steps == steps


def test_the_plan_of_a_take_over_is_what_it_does(with_a_database: Site) -> None:
    site = with_a_database
    site.world.networks.add("shop_default")
    site.world.run_by_hand("web", "v0", ":8000")
    site.source("v1")
    steps = planned(site, take_over=True)
    site.up(take_over=True)
    assert site.observer.steps == steps
    assert steps[1] == "start db"


def test_the_plan_with_a_reload_is_what_it_does(serving: Site) -> None:
    serving.source("v2")
    serving.file["services"]["web"]["x-bluegreen"] = {"health": {"path": "/up"}}
    steps = planned(serving)
    serving.up()
    assert "reload the proxy" in steps
    assert serving.observer.steps == steps


def test_the_plan_of_a_stopped_proxy_is_what_it_does(serving: Site) -> None:
    proxy = serving.world.proxy_box()
    assert proxy is not None
    proxy.started = None
    serving.source("v2")
    steps = planned(serving)
    serving.up()
    assert serving.observer.steps == steps
    serving.world.outages.clear()


def test_the_plan_of_an_image_is_what_it_does(serving: Site) -> None:
    serving.world.registry["shop/web:2"] = "sha256:v2"
    steps = planned(serving, image="shop/web:2")
    serving.up(image="shop/web:2")
    assert serving.observer.steps == steps
    assert steps[0] == "pull shop/web:2"


def test_the_plan_of_a_rollback_is_what_it_does(serving: Site) -> None:
    serving.release("v2")
    steps: list[str] = []
    before = state_of(serving)
    assert serving.rollback(tell_plan=lambda name, cause: steps.append(name)) is None
    assert state_of(serving) == before
    serving.forget()
    serving.rollback()
    assert serving.observer.steps == steps


def test_each_planned_step_has_a_cause(serving: Site) -> None:
    causes: dict[str, str] = {}
    serving.source("v2")
    serving.up(tell_plan=causes.__setitem__)
    assert all(causes.values())
    assert causes["start web-green"] == "blue is live"


def test_what_would_be_refused_is_refused_in_a_dry_run_too(site: Site) -> None:
    site.world.run_by_hand("web", "v0", ":8000")
    site.source("v1")
    with pytest.raises(BluegreenError, match="of your own project serves"):
        planned(site)
