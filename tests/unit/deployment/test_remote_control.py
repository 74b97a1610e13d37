"""Somebody's command watches a release, and another says that it shall go on, or back, at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import BluegreenError, Interrupted, LockHeld
from compose_bluegreen.domain.states import State
from compose_bluegreen.domain.topology import CanaryWeight
from compose_bluegreen.ports.lock import ControlSignal, LockOwner, SignalRequest
from testkit.failures import assert_v1_serves, assert_v2_serves
from testkit.fakes.lock import FakeLock
from testkit.fakes.site import Site, a_service
from testkit.fakes.world import NOON

ADA = LockOwner("ada@laptop", "up web", NOON)


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site(web=a_service(bluegreen={"canary": "5%:1h,50%:1h", "bake": "1h"}))
    site.release("v1")
    site.source("v2")
    yield site
    assert site.world.outages == site.world.cut == []


def told(site: Site, wish: ControlSignal, nth: int) -> None:
    """By somebody else, at that look at the counters."""

    def tell() -> None:
        assert FakeLock(site.world).signal(SignalRequest(wish, "bob@ci"))

    site.world.calls.at("proxy.traffic_stats", tell, nth=nth)


# ── whoever listens ──────────────────────────────────────────────────────────────────────────


def test_a_promoted_canary_goes_on_to_the_switch_at_once(site: Site) -> None:
    told(site, ControlSignal.PROMOTE, 9)
    told(site, ControlSignal.PROMOTE, 20)  # while it bakes
    done = site.up()
    assert done is not None
    assert site.world.calls.of("proxy.set_canary_weights") == [({"web": CanaryWeight(500)},)]
    details = {step.key: step.detail for step in done.steps}
    figures = "promoted by bob@ci; web-green 0 requests: 0 answered 5xx, 0 broken"
    assert details["canary:1"] == details["bake"] == figures
    assert_v2_serves(site)
    assert site.world.time < 10


def test_what_is_past_a_limit_is_not_promoted(site: Site) -> None:
    told(site, ControlSignal.PROMOTE, 9)
    site.world.calls.at(
        "proxy.traffic_stats", lambda: site.world.asked("web", Colour.GREEN, 9, errors=9), nth=9
    )
    with pytest.raises(BluegreenError, match="more than 5% 5xx"):
        site.up()
    assert_v1_serves(site)


@pytest.mark.parametrize("nth", [9, 20])
def test_an_aborted_one_is_taken_back(nth: int, site: Site) -> None:
    if nth > 9:
        told(site, ControlSignal.PROMOTE, 9)
    told(site, ControlSignal.ABORT, nth)
    with pytest.raises(Interrupted, match="aborted by bob@ci"):
        site.up()
    assert_v1_serves(site)
    assert (site.records[0].state, site.records[0].reason) == (
        State.INTERRUPTED,
        "aborted by bob@ci",
    )
    assert site.world.notes.canary_weights == {}


def test_nobody_is_heard_who_spoke_before_it_listened(site: Site) -> None:
    site.world.requested_signal = SignalRequest(ControlSignal.ABORT, "bob@ci")
    told(site, ControlSignal.PROMOTE, 9)
    told(site, ControlSignal.PROMOTE, 20)
    assert site.up() is not None


# ── whoever tells it ─────────────────────────────────────────────────────────────────────────


def watching(site: Site, becomes: Callable[[], object]) -> None:
    """Ada's command listens; once it is told, that comes of it."""
    site.world.owner, site.world.listens = ADA, True

    def end() -> None:
        site.world.owner = None
        becomes()

    site.world.calls.at("observer.remark", end)


def made(site: Site) -> Callable[[], object]:
    """The same deployment, as that command would have made it."""
    return lambda: site.up(canary=(), bake=False)


def test_promote_waits_until_it_is_live_and_says_so(site: Site) -> None:
    watching(site, made(site))
    done = site.promote()
    assert done is not None
    assert (done.id, done.state) == (2, State.LIVE)
    assert site.world.requested_signal == SignalRequest(ControlSignal.PROMOTE, "ada@laptop")
    assert site.observer.remarks[0] == "asked ada@laptop's `up web` to promote"


def test_promote_says_what_came_of_it_if_it_is_not_live(site: Site) -> None:
    def fail() -> None:
        site.world.calls.fail("workloads.start_colours", BluegreenError("boom"))
        with pytest.raises(BluegreenError):
            site.up()

    watching(site, fail)
    with pytest.raises(BluegreenError, match="deployment 2 is failed: boom"):
        site.promote()


def test_abort_waits_until_it_is_taken_back(site: Site) -> None:
    def interrupt() -> None:
        site.world.calls.fail("workloads.start_colours", Interrupted("aborted by ada@laptop"))
        with pytest.raises(Interrupted):
            site.up()

    watching(site, interrupt)
    done = site.abort()
    assert done is not None
    assert (done.id, done.state) == (2, State.INTERRUPTED)
    assert site.world.requested_signal == SignalRequest(ControlSignal.ABORT, "ada@laptop")


def test_abort_came_too_late_for_what_is_live(site: Site) -> None:
    watching(site, made(site))
    with pytest.raises(BluegreenError, match="went live before") as late:
        site.abort()
    assert hint_text(late.value.hint) == "docker bluegreen rollback"


@pytest.mark.parametrize("act", ["promote", "abort"])
def test_one_that_does_not_listen_is_not_disturbed(act: str, site: Site) -> None:
    site.world.owner = ADA
    with pytest.raises(LockHeld):
        getattr(site, act)()
    assert site.world.requested_signal is None


def test_who_tells_it_does_not_wait_for_ever(site: Site) -> None:
    site.world.owner, site.world.listens = ADA, True
    with pytest.raises(LockHeld, match="received the request, but is still running"):
        site.promote()
    assert site.world.time >= timedelta(hours=1).total_seconds()
