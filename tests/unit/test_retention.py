"""Images: what rollback needs stays, what it doesn't goes."""

from __future__ import annotations

import pytest

from compose_bluegreen.domain import Image
from compose_bluegreen.errors import ComposeFailed
from compose_bluegreen.retention import take_back_build
from tests.fakes.site import Site, a_service
from tests.fakes.world import Behaviour


def keeping(count: int) -> Site:
    return Site(web=a_service(bluegreen={"keep": count}))


def kept(site: Site, service: str = "web") -> list[str]:
    prefix = f"bluegreen/shop-{service}:"
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
    site.world.calls.fail("compose.remove", ComposeFailed("later"))
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


def test_an_image_that_cannot_be_let_go_is_a_warning() -> None:
    site = keeping(1)
    released(site, "v1")
    site.world.run_by_hand("other", "v1")
    site.source("v2")
    assert site.up() is not None
    assert any("let go of old images" in remark for remark in site.observer.remarks)
    assert site.serving() == {"v2"}


# ── the name of a failed build ───────────────────────────────────────────────────────────────


def taken_back(site: Site, serving: str | None, before: Image | None, kept_as: str | None) -> str:
    site.world.names["web:latest"] = site.world.make_image("broken")
    return take_back_build("web:latest", serving, before, kept_as, site.ports)


def test_what_serves_goes_before_what_the_name_meant(site: Site) -> None:
    site.world.make_image("serving")
    old = Image("web:latest", site.world.make_image("old"))
    assert taken_back(site, "sha256:serving", old, None) == ""
    assert site.world.names["web:latest"] == "sha256:serving"


def test_it_can_be_taken_back_twice(site: Site) -> None:
    old = Image("web:latest", site.world.make_image("old"))
    taken_back(site, None, old, None)
    take_back_build("web:latest", None, old, None, site.ports)
    assert site.world.names["web:latest"] == "sha256:old"
    assert site.world.find_image("sha256:broken") is None


def test_a_name_that_means_nothing_is_nothing_to_take_back(site: Site) -> None:
    assert take_back_build("web:latest", None, None, "kept", site.ports) == ""
    assert site.world.names == {}


def test_a_broken_image_whose_container_is_still_there_stays(site: Site) -> None:
    old = Image("web:latest", site.world.make_image("old"))
    site.world.make_image("broken")
    site.world.run_by_hand("web", "broken")
    taken_back(site, None, old, None)
    assert site.world.find_image("sha256:broken") is not None


def test_one_that_is_kept_gets_a_name(site: Site) -> None:
    said = taken_back(site, None, None, "bluegreen/shop-web")
    assert said == "the failed image is bluegreen/shop-web:failed-broken"
    assert site.world.names == {"bluegreen/shop-web:failed-broken": "sha256:broken"}
