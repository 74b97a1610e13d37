"""``status``: what is true now, and each way in which it can differ from what we left."""

from __future__ import annotations

from datetime import timedelta

import pytest

from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import ProxyFailed
from compose_bluegreen.inspection.status import Status
from testkit.failures import before_the_second
from testkit.fakes.calls import When
from testkit.fakes.site import Site, a_service
from testkit.fakes.world import NOON

BLUE = "shop-bluegreen-web-blue-1"


@pytest.fixture
def two(serving: Site) -> Site:
    """v2 is live on green, v1 was before it."""
    serving.ctx.clock.sleep(60)
    serving.release("v2")
    return serving


def test_where_nothing_was_released_there_is_nothing(site: Site) -> None:
    found = site.status()
    assert (found.proxy, found.services, found.drifts) == ("none", (), False)
    assert found.proxy_image_built_at is None


def test_the_age_of_the_proxy_s_image_is_known(serving: Site) -> None:
    assert serving.status().proxy_image_built_at == NOON
    serving.world.proxy_image = "sha256:another"  # the image of the container was removed
    assert serving.status().proxy_image_built_at is None


def test_what_is_live_since_when_and_what_a_rollback_would_go_to(two: Site) -> None:
    found = two.seen()
    assert found.live is not None
    assert (found.live.colour, found.live.image_id) == (Colour.GREEN, "sha256:v2")
    assert found.live.deployment == 2
    assert found.live.since is not None
    assert found.live.since >= NOON + timedelta(seconds=60)
    assert [one.status for one in found.live.servers] == ["UP"]
    assert found.idle is None
    assert found.record is not None
    assert found.record.id == 2
    assert found.rollback_to is not None
    assert found.rollback_to.id == 1
    assert found.drift == ()


def test_what_is_well_does_not_drift(two: Site) -> None:
    assert two.status().drifts is False


def test_before_the_second_release_a_rollback_would_go_nowhere(serving: Site) -> None:
    assert serving.seen().rollback_to is None


def test_requests_in_flight_are_counted(serving: Site) -> None:
    serving.world.busy("web", Colour.BLUE, 10)
    found = serving.seen().live
    assert found is not None
    assert found.in_flight == 1


def test_it_only_looks(two: Site) -> None:
    two.status()
    acts = {"compose", "lock"}
    assert {name for name in two.world.calls.names if name.partition(".")[0] in acts} == set()
    assert two.world.outages == []


def test_several_services_are_told_by_name() -> None:
    site = Site(web=a_service(), api=a_service("api", port=""))
    site.source("w1"), site.source("a1", "api")
    site.up()
    assert [one.service for one in site.status().services] == ["api", "web"]


def test_a_deployment_that_is_under_way_is_no_drift() -> None:
    site = before_the_second()
    seen: list[Status] = []
    site.world.calls.at("proxy.health", lambda: seen.append(site.status()), nth=1)
    site.up()
    (found,) = seen
    assert not found.drifts
    assert found.under_way is not None
    assert found.under_way.owner.actor == "ada@laptop"
    assert found.under_way.deployment == 2
    assert found.under_way.step
    assert found.under_way.step.key == "health"
    assert site.status().under_way is None


def test_a_proxy_that_answers_nothing_about_a_colour_is_no_error(serving: Site) -> None:
    serving.world.calls.fail("proxy.health", ProxyFailed("no answer"), nth=None)
    live = serving.seen().live
    assert live is not None
    assert live.servers == ()


def test_a_service_that_was_taken_over_by_halves_is_not_told_as_live() -> None:
    """The proxy proves it, but nobody reaches it: the user's own container serves."""
    site = Site()
    site.world.networks.add("shop_default")
    site.world.run_by_hand("web", "v0", ":8000")
    site.source("v1")
    site.world.calls.at(
        "workloads.stop", lambda: live.append(site.seen().live), when=When.BEFORE, nth=1
    )
    live: list[object] = []
    site.up(take_over=True)
    assert live == [None]


# ── where a rollback would go ────────────────────────────────────────────────────────────────


def test_a_rollback_s_image_is_on_the_engine_until_somebody_removes_it(serving: Site) -> None:
    serving.release("v2")
    assert serving.seen().rollback_image == "engine"
    assert serving.drift() == {}


def test_an_image_that_no_registry_has_is_missed(serving: Site) -> None:
    serving.release("v2")
    serving.release("v3")
    serving.world.lose_image("sha256:v2")
    assert serving.seen().rollback_image == "gone"
    lost = serving.drift()["rollback_gone"]
    assert "deployment 2, but its image v2 (web:latest) is gone" in lost.problem
    assert hint_text(lost.remedy) == "docker bluegreen rollback web --to 1"
    serving.rollback(to=1)
    assert serving.serving() == {"v1"}


def test_where_nothing_is_left_to_go_back_to_no_command_is_named(serving: Site) -> None:
    serving.release("v2")
    serving.world.lose_image("sha256:v1")
    assert hint_text(serving.drift()["rollback_gone"].remedy).startswith("no other release is left")


def test_an_image_that_a_registry_has_is_no_loss(serving: Site) -> None:
    serving.world.digests["sha256:v1"] = "r.example/web@sha256:v1"
    serving.up(force=True)
    serving.release("v2")
    serving.world.lose_image("sha256:v1")
    assert serving.seen().rollback_image == "registry"
    assert serving.drift() == {}
