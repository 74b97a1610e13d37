"""``rollback``: which release comes back, whole, and from where."""

from __future__ import annotations

import pytest

from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.domain.deployment import Deployment, Kind
from compose_bluegreen.domain.errors import BluegreenError, Unhealthy, UsageError
from compose_bluegreen.domain.states import State
from testkit.fakes.site import Site, a_service
from testkit.fakes.world import Behaviour

DIGEST = "localhost:5000/web@sha256:abc"


def done(deployment: Deployment | None) -> Deployment:
    assert deployment is not None
    return deployment


def two_services() -> Site:
    return Site(web=a_service(), api=a_service("api", port=""))


def released_together(site: Site, version: str) -> Deployment:
    site.source(f"w{version}"), site.source(f"a{version}", "api")
    found = done(site.up())
    site.forget()
    return found


# ── which release ────────────────────────────────────────────────────────────────────────────


def test_the_release_before_the_live_one_comes_back(three: Site) -> None:
    back = done(three.rollback())
    assert three.serving() == {"v2"}
    assert (back.kind, back.rollback_of, back.restores) == (Kind.ROLLBACK, 3, 2)
    assert [one.state for one in three.records] == [
        State.LIVE,
        State.ROLLED_BACK,
        State.SUPERSEDED,
        State.SUPERSEDED,
    ]


def test_it_is_a_deployment_like_any_other(three: Site) -> None:
    three.rollback(message="oops")
    assert three.observer.keys == [
        "use:web",
        "start",
        "health",
        "switch",
        "verify",
        "drain",
        "retire:remove",
        "image:keep:web",
        "image:point:web",
        "image:prune:web",
    ]
    assert three.records[0].message == "oops"


def test_a_rollback_of_a_rollback_goes_further_back(three: Site) -> None:
    three.rollback()
    three.rollback()
    assert three.serving() == {"v1"}


def test_before_the_first_release_there_is_nothing(three: Site) -> None:
    three.rollback()
    three.rollback()
    with pytest.raises(BluegreenError, match="web has no earlier healthy release"):
        three.rollback()
    assert three.serving() == {"v1"}


def test_what_was_rolled_back_once_is_not_chosen_again(three: Site) -> None:
    three.rollback()
    three.release("v4")
    three.rollback()
    assert three.serving() == {"v2"}


def test_failed_releases_are_not_chosen(three: Site) -> None:
    three.source("bad", does=Behaviour(healthy_after=9e9, ends_after=0.01))
    with pytest.raises(Unhealthy):
        three.up()
    three.rollback()
    assert three.serving() == {"v2"}


def test_the_same_release_deployed_again_is_not_gone_back_to(three: Site) -> None:
    three.up(force=True)
    three.rollback()
    assert three.serving() == {"v2"}


def test_one_that_was_named_comes_back_even_if_it_was_rolled_back(three: Site) -> None:
    three.rollback()
    three.rollback(to=3)
    assert three.serving() == {"v3"}


def test_what_is_live_already_is_refused_by_name(three: Site) -> None:
    with pytest.raises(BluegreenError, match="the release of deployment 3 is live already"):
        three.rollback(to=3)


@pytest.mark.parametrize("services", [(), ("web",)])
def test_a_deployment_that_is_not_there_is_refused(three: Site, services: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="there is no deployment 77"):
        three.rollback(*services, to=77)


def test_a_deployment_that_never_went_live_is_refused(three: Site) -> None:
    three.source("bad", does=Behaviour(healthy_after=9e9, ends_after=0.01))
    with pytest.raises(Unhealthy):
        three.up()
    with pytest.raises(BluegreenError, match="deployment 4 never went live: it is failed") as no:
        three.rollback(to=4)
    assert hint_text(no.value.hint) == "docker bluegreen show 4 shows why"


def test_where_nothing_was_ever_released_there_is_nothing_to_take_back(site: Site) -> None:
    with pytest.raises(BluegreenError, match="no service of shop is live"):
        site.rollback()


def test_a_rollback_that_fails_leaves_what_serves(three: Site) -> None:
    three.world.behaviours["sha256:v2"] = Behaviour(healthy_after=9e9, ends_after=0.01)
    with pytest.raises(Unhealthy):
        three.rollback()
    assert three.serving() == {"v3"}
    assert three.records[0].state is State.FAILED
    assert three.world.names["web:latest"] == "sha256:v3"


# ── several services ─────────────────────────────────────────────────────────────────────────


def test_what_was_released_together_is_taken_back_together() -> None:
    site = two_services()
    released_together(site, "1")
    released_together(site, "2")
    site.rollback()
    assert (site.serving("web"), site.serving("api")) == ({"w1"}, {"a1"})
    assert len(site.world.calls.of("proxy.route_to")) == 1
    assert site.world.outages == []


def test_one_of_them_can_be_taken_back_alone() -> None:
    site = two_services()
    released_together(site, "1")
    released_together(site, "2")
    site.rollback("api")
    assert (site.serving("web"), site.serving("api")) == ({"w2"}, {"a1"})
    assert site.records[1].state is State.LIVE


def test_without_names_only_what_the_newest_deployment_changed_is_taken_back() -> None:
    site = two_services()
    released_together(site, "1")
    site.source("a2", "api")
    site.up()
    site.rollback()
    assert (site.serving("web"), site.serving("api")) == ({"w1"}, {"a1"})
    assert [part.service for part in site.records[0].parts] == ["api"]


def test_a_deployment_that_is_named_brings_back_what_it_had_changed() -> None:
    """It was asked for both, but only ``api`` had changed."""
    site = two_services()
    released_together(site, "1")
    site.source("a2", "api")
    second = done(site.up())
    site.release("a3", "api")
    site.rollback(to=second.id)
    assert (site.serving("web"), site.serving("api")) == ({"w1"}, {"a2"})


def test_each_of_several_goes_back_to_its_own_earlier_release() -> None:
    site = two_services()
    released_together(site, "1")
    site.release("w2", "web")
    site.release("a2", "api")
    site.rollback("web", "api")
    assert (site.serving("web"), site.serving("api")) == ({"w1"}, {"a1"})
