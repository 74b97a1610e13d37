"""Each way in which an unfinished deployment can be found: how it is read, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.deployment.interrupted import RecoveryAction, inspect_interrupted
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import BluegreenError, NeedsPerson
from compose_bluegreen.domain.states import State
from testkit.failures import BLUE, GREEN, QUICK, before_the_second, outcome
from testkit.fakes.calls import Call, When
from testkit.fakes.site import Site, a_service
from testkit.fakes.world import Behaviour
from testkit.killing import kill

SICK = Behaviour(sick_after=0.0)


def killed(call: str, nth: int = 1, when: When = When.AFTER) -> Callable[[], Site]:
    def found() -> Site:
        site = before_the_second()
        kill(site, Call(call, nth), when)
        return site

    return found


switched = killed("proxy.route_to")


def sick(*boxes: str) -> Callable[[], Site]:
    """Killed after the switch, and then these turn out to be sick."""

    def found() -> Site:
        site = switched()
        for box in boxes:
            site.world.boxes[box].behaviour = SICK
        site.ctx.clock.sleep(60)
        return site

    return found


def undoing_when_killed() -> Site:
    """The undo was begun, and ``v2`` is well all the same."""
    site = before_the_second()
    site.world.calls.fail("proxy.health", BluegreenError("sick"), nth=2)
    kill(site, Call("proxy.route_to", 2))
    return site


def stuck() -> Site:
    site = before_the_second()
    site.world.calls.fail("proxy.health", BluegreenError("sick"), nth=2)
    site.world.calls.fail("proxy.route_to", BluegreenError("no answer"), nth=2)
    assert isinstance(outcome(site.up), NeedsPerson)
    site.forget()
    return site


def half() -> Site:
    """Two services are switched in one act; somebody has switched one back by hand."""
    site = Site(web=a_service(), api=a_service("api", port=""))
    site.source("v1"), site.source("a1", "api")
    site.up()
    site.forget()
    site.source("v2", does=QUICK), site.source("a2", "api", does=QUICK)
    kill(site, Call("proxy.route_to", 1), When.AFTER)
    site.ctx.proxy.route_to({"web": Colour.BLUE})
    return site


def old_gone() -> Site:
    site = sick(GREEN)()
    del site.world.boxes[BLUE]
    return site


@dataclass(frozen=True)
class Case:
    """``serves`` after the next ``up``, None where that needs a person; ``ends`` as what."""

    found: Callable[[], Site]
    reading: RecoveryAction
    serves: str | None
    ends: State
    says: str = ""


CASES = {
    "before its first step": Case(
        killed("history.begin"),
        RecoveryAction.UNTOUCHED,
        "v1",
        State.INTERRUPTED,
        "before its first step",
    ),
    "building": Case(
        killed("workloads.build"),
        RecoveryAction.UNTOUCHED,
        "v1",
        State.INTERRUPTED,
        "at “build web”",
    ),
    "starting": Case(
        killed("workloads.start_colours"),
        RecoveryAction.UNTOUCHED,
        "v1",
        State.INTERRUPTED,
        "at “start web-green”",
    ),
    "before the switch": Case(
        killed("proxy.route_to", when=When.BEFORE),
        RecoveryAction.UNTOUCHED,
        "v1",
        State.INTERRUPTED,
    ),
    "between disk and memory": Case(
        killed("proxy.route_to", when=When.HALFWAY),
        RecoveryAction.UNTOUCHED,
        "v1",
        State.INTERRUPTED,
    ),
    "after the switch": Case(switched, RecoveryAction.ARRIVED, "v2", State.LIVE, "stays live"),
    "after the switch, and it is sick": Case(
        sick(GREEN), RecoveryAction.REVERTS, "v1", State.INTERRUPTED, "is live again"
    ),
    "after the switch, and the old one is sick": Case(
        sick(BLUE), RecoveryAction.ARRIVED, "v2", State.LIVE
    ),
    "while it was being undone": Case(
        undoing_when_killed, RecoveryAction.REVERTS, "v1", State.INTERRUPTED, "is live again"
    ),
    "after the switch, and both are sick": Case(
        sick(BLUE, GREEN), RecoveryAction.UNCLEAR, None, State.SWITCHING
    ),
    "after the switch, it is sick and the old one is gone": Case(
        old_gone, RecoveryAction.UNCLEAR, None, State.SWITCHING
    ),
    "stuck": Case(stuck, RecoveryAction.UNCLEAR, None, State.STUCK),
    "half one way, half the other": Case(half, RecoveryAction.UNCLEAR, None, State.SWITCHING),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_read_from_who_has_the_traffic_and_who_is_well(name: str) -> None:
    case = CASES[name]
    site = case.found()
    found = inspect_interrupted(site.records[0], timedelta(0), site.ctx)
    assert found.reading is case.reading


@pytest.mark.parametrize("name", CASES)
def test_the_next_up_settles_it_by_itself_or_needs_a_person(name: str) -> None:
    case = CASES[name]
    site = case.found()
    routes = site.ctx.proxy.routes()
    number = site.records[0].id
    site.source("v3")
    raised = outcome(site.up)
    settled = site.history.get(number)
    assert settled is not None
    if case.serves is None:
        assert isinstance(raised, NeedsPerson)
        assert f"deployment {number} stopped at “" in raised.message
        assert "docker bluegreen resume" in hint_text(raised.hint)
        assert "docker bluegreen abort" in hint_text(raised.hint)
        assert site.ctx.proxy.routes() == routes
        assert settled.state is case.ends
        return
    assert raised is None
    assert site.serving() == {"v3"}
    (said, *_) = site.observer.remarks
    assert said.startswith(f"deployment {number} stopped")
    assert case.says in said
    assert settled.state is (State.SUPERSEDED if case.ends is State.LIVE else case.ends)
    assert not site.status().drifts


@pytest.mark.parametrize("name", CASES)
def test_status_tells_the_step_what_serves_and_the_next_command(name: str) -> None:
    case = CASES[name]
    site = case.found()
    (drift,) = site.status().drift
    assert drift.kind == ("stuck" if case.ends is State.STUCK else "unfinished")
    assert (
        "stuck at “" in drift.problem
        or "stopped at “" in drift.problem
        or case.says in drift.problem
    )
    assert " is live" in drift.problem or "it started nothing" in drift.problem
    word = "docker bluegreen resume" if case.serves is None else "docker bluegreen up"
    assert hint_text(drift.remedy).startswith(word)


@pytest.mark.parametrize("name", CASES)
def test_a_rollback_settles_it_before_it_chooses(name: str) -> None:
    """Back from what is live in truth, and not from what history believed."""
    case = CASES[name]
    site = case.found()
    raised = outcome(site.rollback)
    if case.serves is None:
        assert isinstance(raised, NeedsPerson)
    elif case.serves == "v2":
        assert raised is None
        assert site.serving() == {"v1"}
    else:
        assert isinstance(raised, BluegreenError)
        assert "no earlier healthy release" in raised.message
        assert site.serving() == {"v1"}


@pytest.mark.parametrize("name", CASES)
def test_abort_takes_it_away_and_what_served_before_serves(name: str) -> None:
    case = CASES[name]
    site = case.found()
    number = site.records[0].id
    site.ctx.clock.sleep(60)
    raised = outcome(site.abort)
    settled = site.history.get(number)
    assert settled is not None
    assert raised is None, raised
    assert settled.state is State.INTERRUPTED
    assert settled.reason.startswith("aborted by ada@laptop; it had stopped")
    assert site.serving() == {"v1"}
    assert site.routed() is Colour.BLUE
    assert not site.status().drifts
    assert_the_next_up_works(site)


@pytest.mark.parametrize("name", CASES)
def test_resume_brings_it_to_its_end(name: str) -> None:
    case = CASES[name]
    site = case.found()
    number = site.records[0].id
    raised = outcome(site.resume)
    if name in {"before its first step", "building"}:
        assert isinstance(raised, BluegreenError)
        assert "docker bluegreen up" in hint_text(raised.hint)
        assert site.serving() == {"v1"}
        return
    if is_sick(site):
        assert isinstance(raised, NeedsPerson)
        assert "docker bluegreen abort" in hint_text(raised.hint)
        return
    assert raised is None, raised
    settled = site.history.get(number)
    assert settled is not None
    assert settled.state is State.LIVE
    assert site.serving() == {"v2"}
    assert not site.status().drifts
    assert_the_next_up_works(site)


def is_sick(site: Site) -> bool:
    green = site.world.boxes.get(GREEN)
    return green is not None and green.behaviour is SICK


def assert_the_next_up_works(site: Site) -> None:
    site.source("v9")
    assert site.up() is not None
    assert site.serving() == {"v9"}


@pytest.mark.parametrize("command", [Site.resume, Site.abort])
def test_where_nothing_is_unfinished_it_says_so(
    command: Callable[[Site], object], serving: Site
) -> None:
    with pytest.raises(BluegreenError, match="no deployment of shop is interrupted"):
        command(serving)


def test_abort_leaves_the_traffic_where_it_is_if_nothing_else_can_be_brought_back() -> None:
    site = old_gone()
    site.world.lose_image("sha256:v1")
    with pytest.raises(NeedsPerson, match="can't be started again") as refused:
        site.abort()
    assert site.routed() is Colour.GREEN
    assert site.records[0].state is State.FAILED
    assert hint_text(refused.value.hint) == "docker bluegreen up with a healthy version"
    site.source("v3")
    assert site.up() is not None
    assert site.serving() == {"v3"}


def test_an_abort_of_a_first_release_leaves_nothing_running(site: Site) -> None:
    site.source("v1", does=QUICK)
    kill(site, Call("proxy.route_to", 1), When.AFTER)
    site.world.boxes[BLUE].behaviour = SICK
    site.ctx.clock.sleep(1)
    site.abort()
    assert site.world.running() == []
    site.world.outages.clear()


def test_a_resume_that_fails_is_undone_and_says_so() -> None:
    site = killed("workloads.start_colours")()
    site.world.behaviours["sha256:v2"] = SICK
    with pytest.raises(BluegreenError, match="not healthy"):
        site.resume()
    assert site.serving() == {"v1"}
    assert site.records[0].state is State.FAILED
    assert_the_next_up_works(site)


def test_what_is_routed_nowhere_is_routed_to_what_is_proven(serving: Site) -> None:
    """Somebody removed the proxy with its volume, or a down was killed halfway."""
    serving.ctx.proxy.route_to({"web": None})
    serving.world.outages.clear()
    assert serving.up() is None
    assert serving.serving() == {"v1"}
    assert (
        "web had no live colour: web-blue, which is healthy, is live again"
        in serving.observer.remarks[0]
    )
    serving.world.outages.clear()
