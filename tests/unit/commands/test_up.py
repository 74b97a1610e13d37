"""``up``: which image is meant, what is made first, and what becomes of its name."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.domain.errors import (
    BluegreenError,
    ComposeFailed,
    HistoryUnusable,
    UsageError,
)
from compose_bluegreen.domain.states import State
from testkit.fakes.site import Site, a_service
from testkit.fakes.world import Behaviour

DIGEST = "localhost:5000/web@sha256:abc"


def without_build(**more: Any) -> Site:
    """The file names an image of a registry."""
    own = a_service(image="registry/web:1", **more)
    del own["build"]
    site = Site(web=own)
    site.world.make_image("v1")
    return site


# ── which image ──────────────────────────────────────────────────────────────────────────────


def test_a_service_with_a_build_section_is_built(site: Site) -> None:
    site.source("v1")
    site.up()
    assert site.world.calls.of("workloads.build") == [(["web"],)]
    assert site.observer.detail("build web") == "v1"


def test_without_a_build_section_an_image_that_is_there_is_used() -> None:
    site = without_build()
    site.world.names["registry/web:1"] = "sha256:v1"
    site.up()
    assert site.observer.steps[1] == "use registry/web:1"
    assert site.world.calls.of("workloads.pull") == []
    assert site.serving() == {"v1"}


def test_an_image_that_is_missing_is_pulled() -> None:
    site = without_build()
    site.world.registry["registry/web:1"] = "sha256:v1"
    site.up()
    assert site.observer.causes["pull registry/web:1"] == "the engine doesn't have it"
    assert site.serving() == {"v1"}


@pytest.mark.parametrize("asked", ["--pull", "pull_policy"])
def test_an_image_that_is_there_is_pulled_anew_where_that_is_asked_for(asked: str) -> None:
    site = without_build(**({"pull_policy": "always"} if asked == "pull_policy" else {}))
    site.world.names["registry/web:1"] = "sha256:v1"
    site.world.registry["registry/web:1"] = site.world.make_image("v2")
    site.up(pull=asked == "--pull")
    assert site.serving() == {"v2"}


def test_an_image_that_no_registry_has_fails_the_command(serving: Site) -> None:
    with pytest.raises(ComposeFailed, match="docker pull shop/web:9 failed") as failed:
        serving.up(image="shop/web:9")
    assert failed.value.detail == "manifest unknown"
    assert serving.serving() == {"v1"}
    assert serving.records[0].state is State.FAILED


def test_the_flag_goes_before_the_build_section(serving: Site) -> None:
    serving.world.make_image("v2", digest=DIGEST)
    done = serving.up(image=DIGEST)
    assert done is not None
    assert serving.world.calls.of("workloads.build") == []
    assert done.parts[0].release.image.repo_digest == DIGEST
    assert serving.world.names["web:latest"] == "sha256:v1"
    assert serving.serving() == {"v2"}


def test_the_flag_is_for_one_service() -> None:
    site = Site(web=a_service(), api=a_service("api", port=""))
    with pytest.raises(UsageError, match="--image is for one service") as refused:
        site.up(image="shop/web:2")
    assert "docker bluegreen up web --image shop/web:2" in hint_text(refused.value.hint)


def test_no_build_uses_what_was_built_before(serving: Site) -> None:
    serving.world.names["web:latest"] = serving.world.make_image("v2")
    serving.up(build=False)
    assert serving.serving() == {"v2"}
    assert serving.world.calls.of("workloads.build") == []


def test_no_build_of_what_was_never_built_says_so(site: Site) -> None:
    with pytest.raises(BluegreenError, match="web:latest has not been built here") as failed:
        site.up(build=False)
    assert "without --no-build" in hint_text(failed.value.hint)


def test_no_build_with_pull_asks_the_registry_that_the_file_names(serving: Site) -> None:
    """Built elsewhere, in CI: the file has both ``build:`` and ``image:``."""
    serving.world.registry["web:latest"] = serving.world.make_image("v2")
    serving.up(build=False, pull=True)
    assert serving.serving() == {"v2"}


def test_a_build_without_a_name_gets_the_one_that_compose_gives_it() -> None:
    own = a_service()
    del own["image"]
    site = Site(web=own)
    site.release("v1")
    assert site.world.names["shop-web"] == "sha256:v1"


def test_a_service_that_did_not_opt_in_is_left_to_compose(serving: Site) -> None:
    serving.file["services"]["db"] = {"image": "postgres:18"}
    with pytest.raises(UsageError, match=r"service 'db' of compose\.yaml doesn't opt in"):
        serving.up("db")


# ── what must be there first ─────────────────────────────────────────────────────────────────


def test_networks_and_volumes_of_the_project_are_made_first() -> None:
    mount = {"type": "volume", "source": "uploads", "target": "/data"}
    site = Site(web=a_service(volumes=[mount]))
    site.file["volumes"] = {"uploads": {"name": "shop_uploads"}}
    site.release("v1")
    assert site.world.volumes == {"shop_uploads"}
    assert "shop_default" in site.world.networks


def test_an_external_volume_is_not_made_by_us() -> None:
    mount = {"type": "volume", "source": "uploads", "target": "/data"}
    site = Site(web=a_service(volumes=[mount]))
    site.file["volumes"] = {"uploads": {"name": "precious", "external": True}}
    site.source("v1")
    with pytest.raises(ComposeFailed) as failed:
        site.up()
    assert "precious" in failed.value.detail
    assert site.world.running() == []


def test_a_history_that_cannot_be_written_is_found_out_before_anything_is_made(site: Site) -> None:
    site.world.calls.fail("history.check_writable", HistoryUnusable("read-only"))
    site.source("v1")
    with pytest.raises(HistoryUnusable):
        site.up()
    assert site.world.networks == set()
    assert site.world.boxes == {}


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
    assert site.observer.steps[1] == "start db"
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
