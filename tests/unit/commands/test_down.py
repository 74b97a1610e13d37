"""``down``: colours and proxy go; history and the user's own project stay."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.domain.deployment import Kind, NewDeployment
from compose_bluegreen.domain.errors import BluegreenError, ComposeFailed, LockHeld
from compose_bluegreen.domain.states import State
from compose_bluegreen.ports.lock import LockOwner
from testkit.fakes.site import Site
from testkit.fakes.world import ENGINE, NOON, Box, Mark, ProxyNotes


@pytest.fixture
def up() -> Site:
    """Version ``v1`` is live, beside a database of the user's own project."""
    site = Site()
    site.release("v1")
    site.world.run_by_hand("db")
    return site


def test_colours_and_proxy_go_and_the_users_project_stays(up: Site) -> None:
    up.down()
    assert up.world.running() == ["shop-db-1"]
    assert up.world.proxy_box() is None
    assert up.world.networks == {"shop_default"}


def test_history_stays_and_says_that_it_was_removed(up: Site) -> None:
    up.down()
    assert [one.state for one in up.records] == [State.REMOVED]


def test_history_says_so_before_the_lock_ends_with_the_proxy(up: Site) -> None:
    """After that another command may record a release, which `down` did not remove."""
    then: list[State] = []
    up.world.calls.at("proxy.remove", lambda: then.extend(one.state for one in up.records))
    up.down()
    assert then == [State.REMOVED]


def test_it_says_that_what_is_live_stops_serving(up: Site) -> None:
    up.down()
    assert up.observer.remarks == ["the live colours stop receiving requests now"]
    assert up.observer.keys == ["down"]


def test_where_nothing_of_ours_runs_it_says_so(site: Site) -> None:
    with pytest.raises(BluegreenError, match="compose-bluegreen runs nothing for shop") as refused:
        site.down()
    assert hint_text(refused.value.hint) == "docker bluegreen up starts it"


def test_it_waits_for_nobody_and_disturbs_nobody(up: Site) -> None:
    up.world.owner = LockOwner("bob@ci", "up web", datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(LockHeld):
        up.down()
    assert up.serving() == {"v1"}


def test_a_proxy_that_has_stopped_is_removed_all_the_same(up: Site) -> None:
    proxy = up.world.proxy_box()
    assert proxy is not None
    proxy.started = None
    up.down()
    assert up.world.running() == ["shop-db-1"]
    assert up.world.proxy_box() is None


def test_a_proxy_that_somebody_removed_is_no_obstacle(up: Site) -> None:
    del up.world.boxes["shop-bluegreen-proxy"]
    up.down()
    assert up.world.running() == ["shop-db-1"]


def test_what_cannot_be_removed_stays_live_in_history(up: Site) -> None:
    up.world.calls.fail("workloads.remove", ComposeFailed("no"))
    with pytest.raises(ComposeFailed):
        up.down()
    assert [one.state for one in up.records] == [State.LIVE]
    assert up.serving() == {"v1"}


@pytest.mark.parametrize("what", ["proxy", "blue", "history"])
def test_one_that_was_killed_halfway_is_finished_by_the_next(what: str, up: Site) -> None:
    """Compose removes one after the other, and history is written at the end."""
    if what != "blue":
        del up.world.boxes["shop-bluegreen-proxy"]
        up.world.notes = ProxyNotes()
    if what != "proxy":
        del up.world.boxes["shop-bluegreen-web-blue-1"]
    up.down()
    assert up.world.running() == ["shop-db-1"]
    assert [one.state for one in up.records] == [State.REMOVED]
    with pytest.raises(BluegreenError, match="compose-bluegreen runs nothing"):
        up.down()


def test_a_container_of_another_project_stays(up: Site) -> None:
    """That project has the name of the companion project."""
    up.world.put(Box("shop-bluegreen-db-1", Mark(foreign=True), "sha256:db"))
    up.down()
    assert up.world.running() == ["shop-bluegreen-db-1", "shop-db-1"]


def test_and_there_is_no_release_beside_it(site: Site) -> None:
    site.world.put(Box("shop-bluegreen-db-1", Mark(foreign=True), "sha256:db"))
    with pytest.raises(
        BluegreenError, match="containers that it did not create: shop-bluegreen-db-1"
    ):
        site.release("v1")
    assert site.world.proxy_box() is None


def test_an_unfinished_deployment_ends_with_it(up: Site) -> None:
    up.history.begin(NewDeployment(ENGINE, "shop", Kind.UP, ("web",), "ada@laptop", NOON))
    up.down()
    assert [one.state for one in up.records] == [State.INTERRUPTED, State.REMOVED]


def test_after_it_the_first_deploy_begins_anew(up: Site) -> None:
    up.down()
    up.release("v2")
    assert up.serving() == {"v2"}
    assert [one.state for one in up.records] == [State.LIVE, State.REMOVED]
