"""By hand, what each release does by itself; and what nobody would have taken away."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compose_bluegreen.commands.prune import Pruned, prune
from compose_bluegreen.config.requests import PruneRequest
from compose_bluegreen.domain.errors import BluegreenError, LockHeld
from compose_bluegreen.domain.project_ref import ProjectRef
from compose_bluegreen.ports.lock import LockOwner
from testkit.fakes.site import Site, a_service
from testkit.fakes.world import ENGINE, NOON, Behaviour

NEVER = Behaviour(healthy_after=9e9, ends_after=0.01)


def pruned(site: Site, **order: bool) -> Pruned:
    return prune(PruneRequest(**order), site.ctx)


@pytest.fixture
def full() -> Site:
    """Keeps two, and somebody's tag holds a third."""
    site = Site(web=a_service(bluegreen={"keep": 2}))
    for version in ("v1", "v2", "v3"):
        site.release(version)
    site.world.make_image("v1")
    site.world.names["bluegreen/shop/web:v1"] = "sha256:v1"
    return site


def test_what_a_release_would_let_go_goes(full: Site) -> None:
    assert pruned(full) == Pruned(("bluegreen/shop/web:v1",))
    assert full.world.find_image("sha256:v1") is None
    assert pruned(full) == Pruned()


def test_a_dry_run_says_the_same_and_touches_nothing(full: Site) -> None:
    full.forget()
    assert pruned(full, dry_run=True) == Pruned(("bluegreen/shop/web:v1",))
    assert [call for call in full.world.calls.made if not call.looks] == []
    assert full.world.find_image("sha256:v1") is not None


def test_what_serves_and_what_a_rollback_needs_stay(full: Site) -> None:
    pruned(full, failed=True)
    full.rollback()
    assert full.serving() == {"v2"}


def test_an_image_that_a_container_of_somebody_runs_stays(full: Site) -> None:
    full.world.run_by_hand("other", "v1")
    assert pruned(full) == Pruned()


def test_images_of_failed_releases_stay_until_they_are_asked_for(full: Site) -> None:
    full.source("bad", does=NEVER)
    with pytest.raises(BluegreenError):
        full.up(keep_failed=True)
    name = "bluegreen/shop/web:failed-bad"
    assert pruned(full) == Pruned(("bluegreen/shop/web:v1",), (name,))
    assert pruned(full, failed=True) == Pruned((name,))
    assert full.world.find_image("sha256:bad") is None


def test_during_a_deployment_nothing_is_touched(full: Site) -> None:
    full.world.owner = LockOwner("bob@desk", "up", NOON)
    with pytest.raises(LockHeld):
        pruned(full)
    assert full.world.find_image("sha256:v1") is not None


def test_without_a_proxy_nobody_deploys_and_nothing_is_waited_for(full: Site) -> None:
    full.down()
    assert pruned(full) == Pruned(("bluegreen/shop/web:v1",))


def test_another_engine_s_releases_say_nothing_about_this_one(full: Site) -> None:
    elsewhere = replace(full.ctx, ref=ProjectRef(ENGINE + "-other", "shop"))
    assert prune(PruneRequest(), elsewhere) == Pruned()
