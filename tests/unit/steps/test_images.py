"""Images: what rollback needs stays, what it doesn't goes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compose_bluegreen.domain.errors import BluegreenError, ComposeFailed
from compose_bluegreen.domain.release import Image, kept_repository
from compose_bluegreen.steps.images import take_back_build
from testkit.fakes.site import Site, a_service
from testkit.fakes.world import Behaviour


def keeping(count: int) -> Site:
    return Site(web=a_service(bluegreen={"keep": count}))


def kept(site: Site, service: str = "web") -> list[str]:
    prefix = f"bluegreen/shop/{service}:"
    return sorted(name.removeprefix(prefix) for name in site.world.names if prefix in name)


def released(site: Site, *versions: str) -> None:
    for version in versions:
        site.release(version)


def test_as_many_releases_as_asked_for_keep_their_images() -> None:
    site = keeping(3)
    released(site, "v1", "v2", "v3", "v4", "v5")
    assert kept(site) == ["v3", "v4", "v5"]
    assert site.world.find_image("sha256:v2") is None
    assert site.world.find_image("sha256:v3") is not None


def test_by_default_five_are_kept(site: Site) -> None:
    released(site, *(f"v{number}" for number in range(8)))
    assert len(kept(site)) == 5


def test_the_one_that_serves_is_kept_whatever_is_asked_for() -> None:
    site = keeping(1)
    released(site, "v1", "v2")
    assert kept(site) == ["v2"]


def test_after_a_rollback_both_the_live_one_and_newer_ones_are_kept() -> None:
    site = keeping(2)
    released(site, "v1", "v2")
    site.rollback()
    assert kept(site) == ["v1", "v2"]


def test_the_same_image_deployed_again_counts_once() -> None:
    site = keeping(2)
    released(site, "v1", "v2")
    site.up(force=True)
    site.up(force=True)
    assert kept(site) == ["v1", "v2"]


def test_an_image_that_a_colour_still_runs_is_not_let_go() -> None:
    site = keeping(1)
    released(site, "v1")
    site.world.calls.fail("workloads.remove", ComposeFailed("later"))
    site.source("v2")
    site.up()
    assert kept(site) == ["v1", "v2"]
    assert [text for text in site.observer.remarks if "let go" in text] == []
    site.release("v3")
    assert kept(site) == ["v3"]


def test_services_do_not_let_go_of_each_others_images() -> None:
    site = Site(web=a_service(bluegreen={"keep": 1}), api=a_service("api", port=""))
    site.source("w1"), site.source("a1", "api")
    site.up()
    site.release("w2", "web")
    assert kept(site) == ["w2"]
    assert kept(site, "api") == ["a1"]


def test_a_failed_image_that_was_asked_to_stay_stays(site: Site) -> None:
    released(site, "v1")
    site.source("bad", does=Behaviour(healthy_after=9e9, ends_after=0.01))
    with pytest.raises(Exception, match="ended with exit code 0"):
        site.up(keep_failed=True)
    released(site, "v2")
    assert "failed-bad" in kept(site)


def test_an_image_that_something_else_runs_is_not_let_go() -> None:
    site = keeping(1)
    released(site, "v1")
    site.world.run_by_hand("other", "v1")
    released(site, "v2")
    assert kept(site) == ["v1", "v2"]
    assert site.observer.remarks == []


def test_an_image_that_cannot_be_let_go_is_a_warning() -> None:
    site = keeping(1)
    released(site, "v1")
    site.world.calls.fail("workloads.untag", ComposeFailed("not now"))
    site.source("v2")
    assert site.up() is not None
    assert any("remove old images" in remark for remark in site.observer.remarks)
    assert site.serving() == {"v2"}


# ── names that are not ours ──────────────────────────────────────────────────────────────────


def from_a_registry(keep: int = 2) -> Site:
    own = a_service(bluegreen={"keep": keep})
    del own["build"]
    return Site(web=own)


def published(site: Site, version: str, name: str = "r.example/web") -> str:
    """Pulled by its tag and released."""
    image_id = site.world.make_image(version, digest=f"{name}@sha256:{version}")
    site.world.registry[f"{name}:{version}"] = image_id
    site.up(image=f"{name}:{version}")
    return image_id


def test_a_tag_for_each_release_goes_with_its_image() -> None:
    site = from_a_registry()
    for version in ("1", "2", "3", "4"):
        published(site, version)
    assert kept(site) == ["3", "4"]
    named = sorted(name for name in site.world.names if name.startswith("r.example/"))
    assert named == ["r.example/web:3", "r.example/web:4"]
    assert site.world.find_image("sha256:1") is None


def test_a_name_that_means_something_else_by_now_is_left_alone() -> None:
    site = from_a_registry(keep=1)
    published(site, "1")
    site.world.names["r.example/web:1"] = site.world.make_image("mine")
    published(site, "2")
    assert site.world.names["r.example/web:1"] == "sha256:mine"


def test_a_tag_that_moved_on_leaves_no_image_behind() -> None:
    site = from_a_registry(keep=1)
    published(site, "1")
    del site.world.names["r.example/web:1"]
    published(site, "2")
    assert site.world.find_image("sha256:1") is None


def test_an_image_that_bears_somebody_s_own_name_stays() -> None:
    site = from_a_registry(keep=1)
    published(site, "1")
    site.world.names["mine:good"] = "sha256:1"
    published(site, "2")
    assert site.world.names_of("sha256:1") == ["mine:good"]


def test_a_release_that_failed_leaves_no_image_once_another_one_is_well() -> None:
    site = from_a_registry(keep=2)
    published(site, "1")
    site.world.make_image("bad", Behaviour(healthy_after=9e9, ends_after=0.01), "r.example/web@x")
    site.world.registry["r.example/web:bad"] = "sha256:bad"
    site.world.names["r.example/web:bad"] = "sha256:bad"
    with pytest.raises(BluegreenError):
        site.up(image="r.example/web:bad")
    published(site, "2")
    assert "r.example/web:bad" not in site.world.names


def test_what_another_history_kept_goes_last() -> None:
    """Somebody at another machine, or a history that was lost: its rollbacks need them."""
    site = keeping(3)
    released(site, "v1", "v2")
    site.world.make_image("theirs")
    site.world.names["bluegreen/shop/web:theirs"] = "sha256:theirs"
    released(site, "v3")
    assert kept(site) == ["v1", "v2", "v3"]
    site.history.__init__()  # type: ignore[misc]
    released(site, "v4")
    assert len(kept(site)) == 3
    assert "v4" in kept(site)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("shop", "eu-web"), ("shop-eu", "web")),
        (("shop", "Web"), ("shop", "web")),
        (("shop", "web_"), ("shop", "web")),
        (("shop", "a--b"), ("shop", "a-b")),
    ],
)
def test_no_two_services_share_where_their_images_are_kept(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    assert kept_repository(*one) != kept_repository(*other)


@given(
    project=st.from_regex(r"[a-z0-9][a-z0-9_-]{0,80}", fullmatch=True),
    service=st.text("aZ0._-", min_size=1, max_size=90),
)
def test_every_service_has_a_place_that_docker_accepts(project: str, service: str) -> None:
    part = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
    found = kept_repository(project, service)
    assert re.fullmatch(f"bluegreen/{part}/{part}", found)
    assert len(found) < 200


# ── the name of a failed build ───────────────────────────────────────────────────────────────


def taken_back(site: Site, serving: str | None, before: Image | None, kept_as: str | None) -> str:
    site.world.names["web:latest"] = site.world.make_image("broken")
    return take_back_build("web:latest", serving, before, kept_as, site.ctx)


def test_what_serves_goes_before_what_the_name_meant(site: Site) -> None:
    site.world.make_image("serving")
    old = Image("web:latest", site.world.make_image("old"))
    assert taken_back(site, "sha256:serving", old, None) == ""
    assert site.world.names["web:latest"] == "sha256:serving"


def test_it_can_be_taken_back_twice(site: Site) -> None:
    old = Image("web:latest", site.world.make_image("old"))
    taken_back(site, None, old, None)
    take_back_build("web:latest", None, old, None, site.ctx)
    assert site.world.names["web:latest"] == "sha256:old"
    assert site.world.find_image("sha256:broken") is None


def test_a_name_that_means_nothing_is_nothing_to_take_back(site: Site) -> None:
    assert take_back_build("web:latest", None, None, "kept", site.ctx) == ""
    assert site.world.names == {}


def test_a_broken_image_whose_container_is_still_there_stays(site: Site) -> None:
    old = Image("web:latest", site.world.make_image("old"))
    site.world.make_image("broken")
    site.world.run_by_hand("web", "broken")
    taken_back(site, None, old, None)
    assert site.world.find_image("sha256:broken") is not None


def test_one_that_is_kept_gets_a_name(site: Site) -> None:
    said = taken_back(site, None, None, "bluegreen/shop/web")
    assert said == "the failed image is bluegreen/shop/web:failed-broken"
    assert site.world.names == {"bluegreen/shop/web:failed-broken": "sha256:broken"}
