"""Two commands at once: one deploys, the other is refused or comes after it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from compose_bluegreen.commands.up import up
from compose_bluegreen.config.requests import UpRequest
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import BluegreenError, LockHeld, LockLost
from compose_bluegreen.domain.states import Outcome, State
from compose_bluegreen.ports.lock import LockOwner
from testkit.failures import assert_the_next_one_works, before_the_second, made, outcome
from testkit.fakes.calls import Call, When
from testkit.fakes.site import Site
from testkit.fakes.world import NOON

BOB = LockOwner("bob@ci", "up web", NOON)


def test_who_holds_the_lock_is_told_and_nothing_is_recorded(serving: Site) -> None:
    serving.world.owner = LockOwner("bob@ci", "up web", NOON)
    serving.source("v2")
    with pytest.raises(LockHeld, match="bob@ci"):
        serving.up()
    assert len(serving.records) == 1
    assert serving.observer.keys == []


def test_whoever_is_refused_by_the_lock_leaves_the_rivals_first_proxy_alone(site: Site) -> None:
    def rival() -> None:
        site.world.owner = LockOwner("bob@ci", "up web", NOON)

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
        up(UpRequest(force=True), mine, serving.ctx)
    assert serving.serving() == {"v2"}
    assert [one.state for one in serving.records][:2] == [State.FAILED, State.LIVE]


def _rival_releases(site: Site, version: str) -> None:
    mine, site.world.builds["web"] = site.world.builds["web"], site.world.make_image(version)
    site.up()
    site.world.builds["web"] = mine


# ── whoever waits ────────────────────────────────────────────────────────────────────────────


def test_whoever_waits_says_for_whom_and_comes_after_it(serving: Site) -> None:
    serving.world.owner = BOB
    serving.world.calls.at("lock.take", lambda: _bob_ends(serving), nth=3)
    serving.source("v2")
    assert serving.up(patience=timedelta(minutes=5)) is not None
    assert serving.serving() == {"v2"}
    (said,) = serving.observer.remarks
    assert said.startswith("waiting up to 5m: ")
    assert "bob@ci" in said


@pytest.mark.parametrize("command", [Site.up, Site.rollback, Site.down])
def test_past_its_patience_it_is_refused_and_nothing_moved(
    command: Callable[..., object], serving: Site
) -> None:
    serving.release("v2")
    serving.world.owner = BOB
    began = serving.ctx.clock.monotonic()
    with pytest.raises(LockHeld, match="bob@ci"):
        command(serving, patience=timedelta(seconds=30))
    assert 30 <= serving.ctx.clock.monotonic() - began < 31
    assert serving.serving() == {"v2"}
    assert len(serving.records) == 2


def _bob_ends(site: Site) -> None:
    site.world.owner = None


# ── a lock that is lost ──────────────────────────────────────────────────────────────────────


def _looks_or_lets_go(call: Call) -> bool:
    return call.looks or call.name in {"lock.release", "history.step_ended"}


_second = before_the_second()
SECOND = [call for call in made(_second, _second.up) if not _looks_or_lets_go(call)]
AFTER_IT_WAS_TAKEN = SECOND[[call.name for call in SECOND].index("lock.take") + 1 :]


@pytest.mark.parametrize("call", AFTER_IT_WAS_TAKEN, ids=str)
def test_whoever_lost_the_lock_begins_no_further_step_and_undoes_nothing(call: Call) -> None:
    """A rival may be at it."""
    site = before_the_second()

    def bob_takes_it() -> None:
        site.world.owner = BOB
        site.observer.forget()

    site.world.calls.at(call.name, bob_takes_it, when=When.AFTER, nth=call.nth)
    raised = outcome(site.up)
    is_under_way = call.name in {"history.step", "history.to"}
    assert len(site.observer.keys) <= is_under_way
    assert Outcome.UNDONE not in {outcome for _, outcome, _ in site.observer.ended}
    if call not in AFTER_IT_WAS_TAKEN[-2:]:  # within the last step of all
        assert isinstance(raised, LockLost)
    assert site.world.outages == []
    assert site.world.owner is BOB
    assert site.serving() in ({"v1"}, {"v2"})
    assert_the_next_one_works(site)


def test_whoever_lost_the_lock_while_undoing_stops_there() -> None:
    site = before_the_second()
    site.world.calls.fail("proxy.health", BluegreenError("sick"), nth=2)
    site.world.calls.at(
        "proxy.route_to", lambda: setattr(site.world, "owner", BOB), when=When.AFTER, nth=2
    )
    with pytest.raises(LockLost):
        site.up()
    assert site.world.calls.of("workloads.remove") == []
    assert_the_next_one_works(site)
