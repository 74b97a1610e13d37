"""Whatever fails, at whichever call, before or after it acted: the previous version is still live.

The calls are those that a deploy that succeeds makes, so a new one is tested as soon as it is made.
"""

from __future__ import annotations

import pytest

from compose_bluegreen.domain.errors import BluegreenError, HistoryUnusable, NeedsPerson
from compose_bluegreen.domain.project_ref import ProjectRef
from compose_bluegreen.domain.states import State
from testkit.failures import (
    ERRORS,
    QUICK,
    assert_the_next_one_works,
    assert_told,
    assert_v1_serves,
    assert_v2_serves,
    before_the_first,
    before_the_second,
    failures,
    made,
    outcome,
    the_error,
)
from testkit.fakes.calls import Call, When
from testkit.fakes.site import Site, a_service

_first, _second = before_the_first(), before_the_second()
FIRST = made(_first, _first.up)
SECOND = made(_second, _second.up)


@pytest.mark.parametrize(("call", "when", "kind"), failures(SECOND), ids=str)
def test_a_second_deploy_loses_nothing(call: Call, when: When, kind: str) -> None:
    site = before_the_second()
    error = the_error(kind, call)
    site.world.calls.fail(call.name, error, when=when, nth=call.nth)
    raised = outcome(site.up)

    assert site.world.outages == []
    assert site.world.cut == []
    newest = site.records[0]
    if newest.state is State.LIVE and newest.id > 1:
        assert_v2_serves(site)
    else:
        assert raised is not None
        assert_v1_serves(site)
    assert_told(site, raised, error)
    assert_the_next_one_works(site)


@pytest.mark.parametrize(("call", "when", "kind"), failures(FIRST, ("error", "interrupt")), ids=str)
def test_a_first_deploy_leaves_nothing_that_serves_nobody(
    call: Call, when: When, kind: str
) -> None:
    site = before_the_first()
    error = the_error(kind, call)
    site.world.calls.fail(call.name, error, when=when, nth=call.nth)
    raised = outcome(site.up)

    if any(one.state is State.LIVE for one in site.records):
        assert site.serving() == {"v1"}
    else:
        assert raised is not None
        assert site.world.running() == []
        assert not site.world.proxy_runs()
        assert "web:latest" not in site.world.names
    assert_told(site, raised, error)
    assert_the_next_one_works(site)


@pytest.mark.parametrize("kind", ["error", "interrupt"])
@pytest.mark.parametrize("name", ["proxy.route_to", "workloads.start_colours"])
def test_an_act_that_fails_halfway_is_undone(name: str, kind: str) -> None:
    site = before_the_second()
    site.world.calls.fail(name, ERRORS[kind](), when=When.HALFWAY)
    assert outcome(site.up) is not None
    assert site.world.outages == []
    assert_v1_serves(site)
    assert site.world.notes.disk == site.world.notes.memory


@pytest.mark.parametrize("call", [one for one in SECOND if one.name.startswith("history")], ids=str)
def test_a_history_that_can_never_be_written_again_stops_no_undo(call: Call) -> None:
    """A disk that is full from here on: what happened is undone, or kept and told."""
    site = before_the_second()
    for name in ("begin", "parts", "to", "promote", "step", "step_ended", "discard"):
        before = [one for one in SECOND[: SECOND.index(call)] if one.name == f"history.{name}"]
        full = HistoryUnusable("disk full")
        site.world.calls.fail(f"history.{name}", full, nth=len(before) + 1, lasts=True)
    raised = outcome(site.up)
    live = site.history.live(ProjectRef("ABCD:EFGH", "shop"), "web")
    assert live is not None
    assert site.world.outages == []
    assert site.serving() == ({"v1"} if live.id == 1 else {"v2"})
    assert raised is None or isinstance(raised, HistoryUnusable)
    assert_the_next_one_works(site)


def test_a_deploy_that_stands_but_cannot_be_read_back_needs_a_person() -> None:
    """Exit code 1 would say that the previous version is still live."""
    site = before_the_second()
    site.world.calls.fail("history.get", HistoryUnusable("disk gone"))
    with pytest.raises(NeedsPerson, match="deployment 2 stays live"):
        site.up()
    assert_v2_serves(site)


def test_of_several_services_none_is_switched_if_one_fails() -> None:
    site = Site(web=a_service(), api=a_service("api", port=""))
    site.source("w1"), site.source("a1", "api")
    site.up()
    site.forget()
    site.source("w2", does=QUICK), site.source("a2", "api", does=QUICK)
    site.world.calls.fail("proxy.health", BluegreenError("boom"), nth=2)
    with pytest.raises(BluegreenError):
        site.up()
    assert (site.serving("web"), site.serving("api")) == ({"w1"}, {"a1"})
    assert site.world.names["web:latest"] == "sha256:w1"
    assert site.world.names["api:latest"] == "sha256:a1"
    assert len(site.world.running()) == 2
