"""Where the image of a release comes from."""

from __future__ import annotations

from typing import Any

import pytest

from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.domain.errors import (
    BluegreenError,
    ComposeFailed,
    UsageError,
)
from compose_bluegreen.domain.states import State
from testkit.fakes.site import Site, a_service

DIGEST = "localhost:5000/web@sha256:abc"


def without_build(**more: Any) -> Site:
    """The file names an image of a registry."""
    own = a_service(image="registry/web:1", **more)
    del own["build"]
    site = Site(web=own)
    site.world.make_image("v1")
    return site


def test_a_service_with_a_build_section_is_built(site: Site) -> None:
    site.source("v1")
    site.up()
    assert site.world.calls.of("workloads.build") == [(["web"],)]
    assert site.observer.detail("build:web") == "v1"


def test_without_a_build_section_an_image_that_is_there_is_used() -> None:
    site = without_build()
    site.world.names["registry/web:1"] = "sha256:v1"
    site.up()
    assert site.observer.keys[1] == "use:web"
    assert site.world.calls.of("workloads.pull") == []
    assert site.serving() == {"v1"}


def test_an_image_that_is_missing_is_pulled() -> None:
    site = without_build()
    site.world.registry["registry/web:1"] = "sha256:v1"
    site.up()
    assert site.observer.causes["pull:web"] == "the engine doesn't have it"
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
    with pytest.raises(UsageError, match=r"service 'db' of compose\.yaml has no x-bluegreen"):
        serving.up("db")
