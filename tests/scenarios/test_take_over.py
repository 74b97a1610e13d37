"""The first release of a service that the user's own project serves, and of the proxy itself."""

from __future__ import annotations

import pytest

from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.domain.errors import BluegreenError, ComposeFailed, NeedsPerson, Unhealthy
from compose_bluegreen.domain.states import State
from testkit.fakes.calls import When
from testkit.fakes.site import Site, a_service
from testkit.fakes.world import Behaviour

GAP = "workloads.stop of web"
"""The one moment in which nobody answers: Docker can't hand a port from one container to another."""


@pytest.fixture
def by_hand() -> Site:
    """``docker compose up -d`` runs version ``v0`` of ``web`` on port 8000."""
    site = Site()
    site.world.networks.add("shop_default")
    site.world.run_by_hand("web", "v0", ":8000")
    site.ctx.workloads.build(["web"]) if site.source("v0") else None
    site.forget()
    site.source("v1")
    return site


def test_taking_over_is_refused_without_the_flag_and_nothing_moves(by_hand: Site) -> None:
    with pytest.raises(BluegreenError, match="shop-web-1 of your own project is live") as refused:
        by_hand.up()
    assert "--take-over" in hint_text(refused.value.hint)
    assert by_hand.serving() == {"v0"}
    assert by_hand.world.running() == ["shop-web-1"]
    assert by_hand.world.proxy_box() is None
    assert by_hand.records == []
    assert by_hand.observer.keys == []


def test_taking_over_proves_everything_before_the_gap(by_hand: Site) -> None:
    done = by_hand.up(take_over=True)
    assert done is not None
    assert by_hand.observer.keys == [
        "proxy:create",
        "build:web",
        "start",
        "health",
        "switch",
        "take_over",
        "verify",
        "remove:own",
        "image:keep:web",
        "image:point:web",
        "image:prune:web",
    ]
    assert by_hand.world.outages == [GAP]
    assert by_hand.serving() == {"v1"}
    assert by_hand.world.running() == ["shop-bluegreen-web-blue-1"]


def test_the_next_deploy_needs_no_flag(by_hand: Site) -> None:
    by_hand.up(take_over=True)
    by_hand.release("v2")
    assert by_hand.world.outages == [GAP]
    assert by_hand.serving() == {"v2"}


def test_one_that_never_gets_healthy_takes_nothing_over(by_hand: Site) -> None:
    by_hand.source("v1", does=Behaviour(healthy_after=1, ends_after=0.1, exit_code=1))
    with pytest.raises(Unhealthy, match="ended with exit code 1"):
        by_hand.up(take_over=True)
    assert by_hand.world.outages == []
    assert by_hand.serving() == {"v0"}
    assert by_hand.world.running() == ["shop-web-1"]
    assert by_hand.world.proxy_box() is None
    assert by_hand.world.names["web:latest"] == "sha256:v0"


@pytest.mark.parametrize(
    ("call", "when"),
    [
        ("workloads.stop", When.BEFORE),
        ("workloads.stop", When.AFTER),
        ("proxy.apply", When.BEFORE),
        ("proxy.apply", When.HALFWAY),
        ("proxy.apply", When.AFTER),
    ],
)
def test_a_take_over_that_fails_gives_everything_back(by_hand: Site, call: str, when: When) -> None:
    nth = 2 if call == "proxy.apply" else 1  # the first makes the proxy
    by_hand.world.calls.fail(call, ComposeFailed("no"), when=when, nth=nth)
    with pytest.raises(ComposeFailed):
        by_hand.up(take_over=True)
    assert by_hand.serving() == {"v0"}
    assert by_hand.world.running() == ["shop-web-1"]
    assert by_hand.world.proxy_box() is None
    assert [one.state for one in by_hand.records] == [State.FAILED]


def test_one_that_turns_sick_after_the_take_over_gives_everything_back(by_hand: Site) -> None:
    by_hand.source("v1", does=Behaviour(declared_sick=0.1, healthcheck=0))
    by_hand.world.calls.at("workloads.stop", lambda: by_hand.ctx.clock.sleep(1))
    with pytest.raises(Unhealthy, match="is unhealthy"):
        by_hand.up(take_over=True)
    assert by_hand.serving() == {"v0"}
    assert by_hand.world.running() == ["shop-web-1"]


def test_what_cannot_be_given_back_is_left_as_it_is_and_needs_a_person(by_hand: Site) -> None:
    by_hand.world.calls.fail("proxy.apply", ComposeFailed("no"), when=When.HALFWAY, nth=2)
    by_hand.world.calls.fail("workloads.start", ComposeFailed("no space"))
    with pytest.raises(NeedsPerson, match="return the ports to shop-web-1"):
        by_hand.up(take_over=True)
    assert "shop-bluegreen-web-blue-1" in by_hand.world.running()
    assert by_hand.world.proxy_box() is not None
    assert [one.state for one in by_hand.records] == [State.STUCK]


def test_beside_a_live_service_another_is_taken_over_without_hiding_the_live_one() -> None:
    site = Site(web=a_service())
    site.release("v1")
    site.file["services"]["api"] = a_service("api", port="9000")
    site.world.run_by_hand("api", "a0", ":9000")
    site.source("a1", "api")
    assert site.up("api", take_over=True, recreate_proxy=True) is not None
    assert (site.serving("web"), site.serving("api")) == ({"v1"}, {"a1"})
    assert site.world.outages == ["workloads.stop of api"]


def test_beside_a_live_service_the_gap_of_a_new_proxy_is_asked_for_first() -> None:
    site = Site(web=a_service())
    site.release("v1")
    site.file["services"]["api"] = a_service("api", port="9000")
    site.world.run_by_hand("api", "a0", ":9000")
    site.source("a1", "api")
    with pytest.raises(BluegreenError) as refused:
        site.up("api", take_over=True)
    assert "--recreate-proxy" in hint_text(refused.value.hint)
    assert site.observer.keys == []
    assert site.world.proxy_box() is not None


def test_a_take_over_that_failed_beside_a_live_service_does_not_stand_in_its_way() -> None:
    site = Site(web=a_service())
    site.release("v1")
    site.file["services"]["api"] = a_service("api", port="9000")
    site.world.run_by_hand("api", "a0", ":9000")
    site.source("a1", "api", does=Behaviour(healthy_after=1, ends_after=0.1))
    with pytest.raises(Unhealthy):
        site.up("api", take_over=True, recreate_proxy=True)
    assert site.drift("api") == {}  # what docker compose made is no stray: it serves
    site.release("v2", "web")
    assert (site.serving("web"), site.serving("api")) == ({"v2"}, {"a0"})
    assert site.world.outages == []


def test_services_that_are_not_deployed_keep_their_ports_and_names() -> None:
    """``api`` opted in too, but this command is not about it."""
    site = Site(web=a_service(), api=a_service("api", port="9000"))
    site.world.networks.add("shop_default")
    site.world.run_by_hand("api", "a0", ":9000")
    site.source("v1")
    assert site.up("web") is not None
    assert site.serving("api") == {"a0"}
    assert site.serving("web") == {"v1"}
    assert site.world.outages == []


def test_a_second_service_needs_a_new_proxy_and_is_refused_without_the_flag() -> None:
    site = Site(web=a_service(), api=a_service("api", port="9000"))
    site.release("v1")
    site.source("a1", "api")
    with pytest.raises(BluegreenError, match="the proxy needs a new container"):
        site.up("api")
    assert site.up("api", recreate_proxy=True) is not None
    assert (site.serving("web"), site.serving("api")) == ({"v1"}, {"a1"})
