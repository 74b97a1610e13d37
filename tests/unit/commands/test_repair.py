"""``repair``: it repairs each kind of drift that has one remedy, and leaves the others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.domain.errors import ComposeFailed, LockHeld
from compose_bluegreen.inspection.drift import DriftKind
from compose_bluegreen.ports.lock import LockOwner
from testkit.drift_situations import (
    BLUE,
    GREEN,
    LINK,
    REPAIR,
    SITUATIONS,
    Situation,
    a_stray,
    an_image_loses_our_name,
    live_stops,
    network_goes,
    proxy_goes_with_its_volume,
    proxy_stops,
)
from testkit.fakes.site import Site, a_service
from testkit.fakes.world import NOON, Behaviour


@pytest.fixture
def site() -> Site:
    """``v2`` is live on green, ``v1`` was before it."""
    new = Site()
    new.release("v1")
    new.release("v2")
    return new


CURABLE = [one for one in SITUATIONS if one.cure == REPAIR]
LEFT = [one for one in SITUATIONS if one.cure != REPAIR]


@pytest.mark.parametrize("situation", CURABLE, ids=str)
def test_what_has_one_cure_is_cured(situation: Situation, site: Site) -> None:
    situation.befalls(site)
    version = "v3" if situation.kind is DriftKind.LEFTOVER else "v2"
    done = site.repair()
    assert situation.kind in {one.kind for one in done.cured}
    assert done.remaining == ()
    assert site.drift() == {}
    assert site.serving() == {version}
    assert len(site.world.running()) == 1
    assert set(site.observer.keys) == set(site.observer.causes), "each cure is a step with a cause"
    assert site.observer.keys or site.observer.remarks, "what every lock's holder settles first"


@pytest.mark.parametrize("situation", LEFT, ids=str)
def test_what_has_none_is_left_with_the_next_command(situation: Situation, site: Site) -> None:
    situation.befalls(site)
    before = dict(site.world.boxes)
    done = site.repair()
    assert situation.kind in {one.kind for one in done.remaining}
    assert situation.cure in {hint_text(one.remedy) for one in done.remaining}
    assert site.world.boxes == before


@pytest.mark.parametrize("situation", CURABLE, ids=str)
def test_a_dry_run_tells_the_cures_and_touches_nothing(situation: Situation, site: Site) -> None:
    situation.befalls(site)
    site.forget()
    told: list[tuple[str, str]] = []
    left = site.repair(lambda step: told.append((str(step.key), step.cause))).remaining
    assert any(situation.cause in cause for _, cause in told)
    assert situation.kind in {one.kind for one in left}
    assert [call for call in site.world.calls.made if not call.looks] == []


def test_one_cure_may_uncover_what_another_hid(site: Site) -> None:
    """Without its network nobody can tell who belongs on it."""
    network_goes(LINK)(site)
    proxy_stops(site)
    a_stray(site)
    done = site.repair()
    assert done.remaining == ()
    assert {DriftKind.PROXY_STOPPED, DriftKind.STRAY} <= {one.kind for one in done.cured}
    assert site.serving() == {"v2"}


def test_a_network_of_the_users_comes_back_by_both_commands(site: Site) -> None:
    network_goes("shop_default")(site)
    site.source("v3")
    assert site.up(force=True)
    assert site.repair().remaining == ()
    assert site.drift() == {}
    assert site.serving() == {"v3"}


def test_a_proxy_that_lost_everything_comes_back_by_up(site: Site) -> None:
    proxy_goes_with_its_volume(site)
    assert site.up(force=True)
    site.repair()
    assert site.drift() == {}


def test_a_cure_that_fails_is_left_and_the_others_go_on(site: Site) -> None:
    a_stray(site)
    an_image_loses_our_name("v1")(site)
    site.world.calls.fail("workloads.remove", ComposeFailed("docker rm failed"))
    done = site.repair()
    assert [one.kind for one in done.cured] == [DriftKind.IMAGE_UNNAMED]
    assert [one.kind for one in done.remaining] == [DriftKind.STRAY]
    assert site.observer.remarks == ["warning: remove shop-web-1: docker rm failed"]


def test_what_was_live_and_is_sick_when_started_is_left(site: Site) -> None:
    live_stops(site)
    site.world.boxes[GREEN].behaviour = Behaviour(ends_after=0.01, exit_code=1)
    done = site.repair()
    assert done.cured == ()
    assert [one.kind for one in done.remaining] == [DriftKind.LIVE_STOPPED]


def test_during_a_deployment_nothing_is_repaired(site: Site) -> None:
    a_stray(site)
    site.world.owner = LockOwner("bob@elsewhere", "up web", NOON)
    with pytest.raises(LockHeld):
        site.repair()
    assert "stray" in site.drift()


def test_only_the_replica_that_is_gone_is_made_anew() -> None:
    site = Site(web=a_service(deploy={"replicas": 2}))
    site.release("v1")
    other = site.world.boxes[BLUE]
    del site.world.boxes["shop-bluegreen-web-blue-2"]
    assert "live_gone" in site.drift()
    assert site.repair().remaining == ()
    assert site.world.boxes[BLUE] is other
    assert len(site.world.running()) == 2


def test_a_gone_image_that_a_registry_has_is_pulled(site: Site) -> None:
    digest = "registry.example/web@sha256:0"
    site.file["services"]["web"] |= {"image": "registry.example/web:1"}
    del site.file["services"]["web"]["build"]
    site.world.make_image("v3", digest=digest)
    site.world.names["registry.example/web:1"] = "sha256:v3"
    site.up()
    del site.world.boxes[BLUE]
    site.world.lose_image("sha256:v3")
    assert site.repair().remaining == ()
    assert site.serving() == {"v3"}


def test_whoever_keeps_one_image_misses_no_other(site: Site) -> None:
    site.file["services"]["web"]["x-bluegreen"] = {"keep": 1}
    site.release("v3")
    assert site.drift() == {}


def test_what_docker_compose_runs_once_is_no_stray(site: Site) -> None:
    box = site.world.run_by_hand("web", "v1")
    box.mark = replace(box.mark, one_off=True)
    assert site.drift() == {}
