"""What the name of a local build means: whatever happens, it is what serves."""

from __future__ import annotations

import re
from typing import Any

import pytest

from compose_bluegreen.domain.errors import BluegreenError, ComposeFailed
from compose_bluegreen.domain.states import Outcome, State
from testkit.fakes.calls import When
from testkit.fakes.site import Site, a_service
from testkit.fakes.world import Behaviour

SICK = Behaviour(healthy_after=9e9, ends_after=0.01, exit_code=1)


def fails(site: Site, **order: Any) -> None:
    with pytest.raises(BluegreenError):
        site.up(**order)
    assert site.world.outages == []


def test_after_a_failed_build_nothing_has_changed(serving: Site) -> None:
    failed = ComposeFailed("docker compose build web failed", detail="exit code 1")
    serving.world.calls.fail("workloads.build", failed)
    fails(serving)
    assert serving.world.names["web:latest"] == "sha256:v1"
    assert serving.observer.outcome("build:web") is Outcome.FAILED


def test_after_a_failed_deploy_the_name_means_what_serves_and_the_broken_image_goes(
    serving: Site,
) -> None:
    serving.source("v2", does=SICK)
    fails(serving)
    assert serving.world.names["web:latest"] == "sha256:v1"
    assert serving.world.find_image("sha256:v2") is None


def test_a_failed_image_can_be_kept_and_its_name_is_told(serving: Site) -> None:
    serving.source("v2", does=SICK)
    fails(serving, keep_failed=True)
    assert serving.world.names["web:latest"] == "sha256:v1"
    assert serving.world.names_of("sha256:v2") == ["bluegreen/shop/web:failed-v2"]
    said = serving.observer.detail("undo:build:web")
    assert said == "the failed image is bluegreen/shop/web:failed-v2"


def test_a_failed_image_of_a_service_in_capitals_can_be_kept_too() -> None:
    site = Site(Web=a_service("web"))
    site.release("v1", "Web")
    site.source("v2", "Web", does=SICK)
    fails(site, keep_failed=True)
    (name,) = site.world.names_of("sha256:v2")
    assert re.fullmatch(r"bluegreen/shop/web-[0-9a-f]{8}:failed-v2", name)
    assert site.records[0].state is State.FAILED


def test_a_broken_image_that_something_else_names_stays(serving: Site) -> None:
    serving.source("v2", does=SICK)
    serving.world.names["mine:tried"] = "sha256:v2"
    fails(serving)
    assert serving.world.names_of("sha256:v2") == ["mine:tried"]


def test_a_broken_image_that_was_not_built_by_this_command_is_taken_back_too(
    serving: Site,
) -> None:
    serving.world.names["web:latest"] = serving.world.make_image("v2", SICK)
    fails(serving, build=False)
    assert serving.world.names["web:latest"] == "sha256:v1"


def test_after_a_first_failure_the_name_means_nothing_again(site: Site) -> None:
    site.source("v1", does=SICK)
    fails(site)
    assert "web:latest" not in site.world.names
    assert site.world.find_image("sha256:v1") is None


def test_after_a_first_failure_the_name_means_what_it_meant_before(site: Site) -> None:
    site.world.names["web:latest"] = site.world.make_image("old")
    site.source("v1", does=SICK)
    fails(site)
    assert site.world.names["web:latest"] == "sha256:old"


def test_the_name_means_what_serves_even_if_somebody_released_while_we_waited_for_the_lock(
    serving: Site,
) -> None:
    def rival() -> None:
        serving.source("v2")
        serving.up()
        serving.source("v3", does=SICK)

    serving.world.calls.at("lock.take", rival)
    serving.source("v3", does=SICK)
    fails(serving)
    assert serving.serving() == {"v2"}
    assert serving.world.names["web:latest"] == "sha256:v2"


def test_an_unchanged_build_leaves_the_name_where_it_is(serving: Site) -> None:
    assert serving.up() is None
    assert serving.world.names["web:latest"] == "sha256:v1"


def test_a_released_image_keeps_a_name_of_ours(serving: Site) -> None:
    assert serving.world.names["bluegreen/shop/web:v1"] == "sha256:v1"


def test_a_name_that_somebody_moved_during_the_deploy_means_what_serves_again(
    serving: Site,
) -> None:
    stray = serving.world.make_image("stray")
    serving.world.calls.at(
        "history.promote",
        lambda: serving.world.names.update({"web:latest": stray}),
        when=When.AFTER,
    )
    serving.release("v2")
    assert serving.world.names["web:latest"] == "sha256:v2"
