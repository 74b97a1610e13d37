"""A deploy that fails, and then one call of its undoing fails too."""

from __future__ import annotations

import pytest

from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.domain.errors import BluegreenError, NeedsPerson, Unhealthy
from compose_bluegreen.domain.states import State
from testkit.failures import (
    BLUE,
    GREEN,
    assert_the_next_one_works,
    assert_v1_serves,
    before_the_second,
    failures,
    made,
    outcome,
    the_error,
)
from testkit.fakes.calls import Call, When
from testkit.fakes.site import Site

SEEN = 2
"""Which look at the health of green is the one after the switch."""


def turning_sick() -> Site:
    """Version ``v2`` will fail once it has traffic, and must be undone."""
    site = before_the_second()
    site.world.calls.fail("proxy.health", Unhealthy("sick"), nth=SEEN)
    return site


def _undoing() -> list[Call]:
    site = turning_sick()
    calls = made(site, lambda: outcome(site.up))
    seen = calls.index(Call("proxy.health", SEEN, ("web", "green")))
    return [call for call in calls[seen + 1 :] if not call.name.startswith("lock")]


@pytest.mark.parametrize(("call", "when", "kind"), failures(_undoing(), ("error", "bug")), ids=str)
def test_an_undo_that_fails_leaves_up_whatever_may_serve(call: Call, when: When, kind: str) -> None:
    site = turning_sick()
    site.world.calls.fail(call.name, the_error(kind, call), when=when, nth=call.nth)
    raised = outcome(site.up)

    assert site.world.outages == []
    assert site.world.cut == []
    assert site.serving() in ({"v1"}, {"v2"})
    assert BLUE in site.world.running()
    assert raised is not None
    if isinstance(raised, NeedsPerson):
        assert raised.__cause__ is not None
        assert site.records[0].state is State.STUCK
        assert "sick; then could not" in site.records[0].reason
    assert_the_next_one_works(site)


@pytest.mark.parametrize("when", [When.BEFORE, When.AFTER])
def test_if_traffic_cannot_be_switched_back_both_colours_stay_and_green_serves_on(
    when: When,
) -> None:
    site = turning_sick()
    site.world.calls.fail("proxy.route_to", BluegreenError("no answer"), when=when, nth=2)
    with pytest.raises(NeedsPerson, match="then this undo failed: switch back") as stuck:
        site.up()
    assert site.world.running() == [BLUE, GREEN]
    assert site.serving() == ({"v2"} if when is When.BEFORE else {"v1"})
    assert "docker bluegreen status" in hint_text(stuck.value.hint)
    record = site.records[0]
    assert (record.state, record.reason) == (
        State.STUCK,
        "sick; then could not switch back: no answer",
    )


def test_nothing_is_undone_after_an_undo_that_failed() -> None:
    site = turning_sick()
    site.world.calls.fail("proxy.route_to", BluegreenError("no answer"), nth=2)
    outcome(site.up)
    assert site.observer.keys[-1] == "undo:switch"
    assert site.world.calls.of("workloads.remove") == []


def test_an_interrupt_while_undoing_is_only_noted() -> None:
    site = turning_sick()
    for call in _undoing()[1:]:  # the first one is the end of the step that failed
        site.world.calls.fail(call.name, the_error("interrupt", call), nth=call.nth)
    with pytest.raises(Unhealthy):
        site.up()
    assert_v1_serves(site)


def test_history_that_cannot_be_written_does_not_stop_the_undoing() -> None:
    site = turning_sick()
    for call in _undoing():
        if call.name.startswith("history"):
            site.world.calls.fail(call.name, the_error("error", call), nth=call.nth)
    assert outcome(site.up) is not None
    assert_v1_serves(site)
    assert any("not recorded" in remark for remark in site.observer.remarks)
