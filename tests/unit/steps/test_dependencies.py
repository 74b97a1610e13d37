"""Waiting for services of the user's own project, which a release depends on."""

from __future__ import annotations

from datetime import timedelta

import pytest

from compose_bluegreen.domain.errors import (
    BluegreenError,
    Unhealthy,
)
from compose_bluegreen.steps.dependencies import until_dependencies
from testkit.fakes.site import Site, a_service
from testkit.fakes.world import Behaviour

NEVER = 9e9
BLUE = "shop-bluegreen-web-blue-1"
SOON = timedelta(seconds=2)


def wait_for(site: Site, condition: str, does: Behaviour | None) -> None:
    if does:
        site.world.run_by_hand("db").behaviour = does
    until_dependencies({"db": condition}, SOON, site.ctx)


def test_a_dependency_that_runs_has_started(site: Site) -> None:
    wait_for(site, "service_started", Behaviour())
    assert site.world.time == 0


def test_a_dependency_is_waited_for_until_docker_calls_it_healthy(site: Site) -> None:
    wait_for(site, "service_healthy", Behaviour(healthcheck=0, healthy_after=0.5))
    assert site.world.time >= 1.0


def test_a_dependency_is_waited_for_until_it_has_ended_well(site: Site) -> None:
    wait_for(site, "service_completed_successfully", Behaviour(ends_after=1.0))
    assert site.world.time >= 1.0


def test_a_dependency_that_ended_badly_is_given_up_at_once(site: Site) -> None:
    does = Behaviour(ends_after=0.5, exit_code=3, log="no such table")
    with pytest.raises(BluegreenError, match="shop-db-1 ended with exit code 3") as ended:
        wait_for(site, "service_completed_successfully", does)
    assert ended.value.detail == "no such table"
    assert site.world.time < 1


@pytest.mark.parametrize("does", [None, Behaviour(healthcheck=0, healthy_after=NEVER)])
def test_the_deadline_names_each_dependency_and_its_condition(
    site: Site, does: Behaviour | None
) -> None:
    with pytest.raises(Unhealthy, match=r"still waiting after 2s for db \(service_healthy\)"):
        wait_for(site, "service_healthy", does)


def test_no_dependencies_need_no_look(site: Site) -> None:
    until_dependencies({}, SOON, site.ctx)
    assert site.world.calls.made == []


@pytest.mark.parametrize(
    ("does", "problem"),
    [
        (Behaviour(), "has no healthcheck to wait for"),
        (Behaviour(healthcheck=0, healthy_after=NEVER, declared_sick=0.5), "is unhealthy"),
    ],
)
def test_a_dependency_that_never_gets_healthy_is_given_up_at_once(
    site: Site, does: Behaviour, problem: str
) -> None:
    with pytest.raises(BluegreenError, match=f"shop-db-1 {problem}"):
        wait_for(site, "service_healthy", does)
    assert site.world.time < 1


def depending(*conditions: str) -> Site:
    services = {
        f"s{number}": a_service(
            f"s{number}",
            port="",
            depends_on={"db": {"condition": condition, "required": True}},
        )
        for number, condition in enumerate(conditions)
    }
    site = Site(**services, db={"image": "postgres:18"})
    for name in services:
        site.source(f"{name}v1", name)
    return site


def test_dependencies_are_started_in_the_users_project_and_waited_for() -> None:
    site = depending("service_healthy")
    site.world.behaviours["sha256:db"] = Behaviour(healthcheck=2.0)
    assert site.up() is not None
    assert site.observer.keys[1] == "dependencies"
    assert site.world.time >= 2.0
    assert "shop-db-1" in site.world.running()


def test_of_two_conditions_the_stricter_one_is_waited_for() -> None:
    site = depending("service_healthy", "service_started")
    site.world.behaviours["sha256:db"] = Behaviour(healthcheck=2.0)
    assert site.up() is not None
    assert site.world.time >= 2.0


def test_a_dependency_that_never_comes_fails_before_anything_of_ours_starts() -> None:
    site = depending("service_healthy")
    site.world.behaviours["sha256:db"] = Behaviour(healthcheck=9e9)
    with pytest.raises(BluegreenError, match=r"still waiting after 2s for db"):
        site.up(timeout=timedelta(seconds=2))
    assert site.world.running() == ["shop-db-1"]


def test_a_dependency_on_a_released_service_is_not_started_in_the_users_project() -> None:
    web = a_service(depends_on={"api": {"condition": "service_started", "required": True}})
    site = Site(web=web, api=a_service("api", port=""))
    site.source("w1"), site.source("a1", "api")
    assert site.up() is not None
    assert site.world.calls.of("workloads.start_dependencies") == []


def test_of_optional_dependencies_nothing_is_asked() -> None:
    web = a_service(depends_on={"mail": {"condition": "service_started", "required": False}})
    site = Site(web=web, mail={"image": "mail"})
    site.release("v1")
    assert site.world.running() == ["shop-bluegreen-web-blue-1"]
