"""Two commands at once: one deploys, the other is refused or comes after it."""

from __future__ import annotations

import pytest

from compose_bluegreen.domain import Colour, State
from compose_bluegreen.errors import BluegreenError, LockHeld
from compose_bluegreen.orders import Order
from compose_bluegreen.ports import Holder
from compose_bluegreen.up import up
from tests.fakes.site import CALLER, Site
from tests.fakes.world import NOON


def test_who_holds_the_lock_is_told_and_nothing_is_recorded(serving: Site) -> None:
    serving.world.holder = Holder("bob@ci", "up web", NOON)
    serving.source("v2")
    with pytest.raises(LockHeld, match="bob@ci"):
        serving.up()
    assert len(serving.records) == 1
    assert serving.observer.steps == []


def test_whoever_is_refused_by_the_lock_leaves_the_rivals_first_proxy_alone(site: Site) -> None:
    def rival() -> None:
        site.world.holder = Holder("bob@ci", "up web", NOON)

    site.world.calls.at("lock.take", rival)
    site.source("v1")
    with pytest.raises(LockHeld):
        site.up()
    assert site.world.proxy_runs()


def test_colours_are_chosen_under_the_lock_not_before_it(serving: Site) -> None:
    """A rival released between our first look and our turn."""
    serving.source("v3")
    serving.world.calls.at("history.check_writable", lambda: _rival_releases(serving, "v2"))
    serving.up()
    assert serving.serving() == {"v3"}
    assert serving.routed() is Colour.BLUE


def test_what_a_rival_made_costly_is_refused_under_the_lock(serving: Site) -> None:
    """It released a file with one port more; ours, without it, would need a new proxy."""
    port = {"mode": "ingress", "target": 9090, "published": "9000", "protocol": "tcp"}
    ports = serving.file["services"]["web"]["ports"]

    def rival() -> None:
        ports.append(port)
        serving.up(recreate_proxy=True)
        ports.remove(port)

    serving.source("v2")
    mine = serving.project
    serving.world.calls.at("lock.take", rival)
    with pytest.raises(BluegreenError, match="the proxy needs a new container"):
        up(Order(force=True), mine, CALLER, serving.ports)
    assert serving.serving() == {"v2"}
    assert [one.state for one in serving.records][:2] == [State.FAILED, State.LIVE]


def _rival_releases(site: Site, version: str) -> None:
    mine, site.world.builds["web"] = site.world.builds["web"], site.world.make_image(version)
    site.up()
    site.world.builds["web"] = mine
