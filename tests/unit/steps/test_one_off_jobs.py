"""What ends by itself runs once a release, by its images, before those that need it."""

from __future__ import annotations

from typing import Any

import pytest

from compose_bluegreen.domain.errors import BluegreenError
from compose_bluegreen.domain.release import Model
from compose_bluegreen.domain.states import State
from testkit.failures import QUICK
from testkit.fakes.site import Site, a_service
from testkit.fakes.world import Behaviour

ENDS = {"migrate": {"condition": "service_completed_successfully", "required": True}}
OK, FAILS = Behaviour(ends_after=0.2), Behaviour(ends_after=0.2, exit_code=3, log="no table\n")


def shop(migrate: Behaviour = OK, **more: Any) -> Site:
    """``web`` needs ``migrate``, which isn't ours; ``api`` doesn't."""
    once: Model = {"image": "migrate:latest", "networks": {"default": None}, **more}
    site = Site(web=a_service(depends_on=ENDS), api=a_service("api", port=""), migrate=once)
    site.world.behaviours["sha256:migrate"] = migrate
    site.world.names["migrate:latest"] = "sha256:migrate"
    site.source("w1", does=QUICK), site.source("a1", "api", does=QUICK)
    return site


def runs(site: Site) -> int:
    return site.world.calls.of("workloads.start_dependencies").count((["migrate"],))


def test_it_runs_after_the_images_are_there_and_before_anything_starts() -> None:
    site = shop()
    site.up()
    steps = site.observer.keys
    assert steps.index("build:api") < steps.index("run:migrate")
    assert steps.index("run:migrate") < steps.index("start")
    assert runs(site) == 1
    assert site.serving("web") == {"w1"}


def test_it_runs_again_for_each_release_that_needs_it_and_for_no_other() -> None:
    site = shop()
    site.up()
    site.forget()
    assert site.up() is None
    site.source("a2", "api", does=QUICK)
    site.up()
    assert runs(site) == 0
    site.world.vanish(["shop-migrate-1"])
    site.source("w2", does=QUICK)
    site.up()
    assert runs(site) == 1


def test_a_rollback_does_without_it() -> None:
    site = shop()
    site.up()
    site.world.vanish(["shop-migrate-1"])
    site.source("w2", does=QUICK)
    site.up()
    site.forget()
    site.rollback()
    assert site.serving("web") == {"w1"}
    assert runs(site) == 0


def test_if_it_fails_nothing_starts_and_its_last_words_are_told() -> None:
    site = shop(FAILS)
    with pytest.raises(
        BluegreenError, match="dependency shop-migrate-1 ended with exit code 3"
    ) as no:
        site.up()
    assert no.value.detail == "no table\n"
    assert site.records[0].state is State.FAILED
    assert site.world.calls.of("workloads.start_colours") == []


def test_its_own_build_is_of_this_release_too() -> None:
    site = shop(build={"context": "/shop/migrate"})
    site.up()
    steps = site.observer.keys
    assert "build:migrate" in steps
    assert steps.index("build:migrate") < steps.index("run:migrate")


def test_a_dry_run_names_it_and_runs_nothing() -> None:
    site = shop()
    told: list[tuple[str, str]] = []
    site.up(tell_plan=lambda step: told.append((step.name, step.cause)))
    assert ("run migrate", "once per release, before web") in told
    assert runs(site) == 0
