"""``abort``: a pending or interrupted release is removed."""

from __future__ import annotations

import pytest

from compose_bluegreen.domain.project_ref import ProjectRef
from compose_bluegreen.domain.states import State
from testkit.failures import (
    BLUE,
    assert_the_next_one_works,
    before_the_second,
    failures,
    made,
    outcome,
    the_error,
)
from testkit.fakes.calls import Call, When
from testkit.fakes.site import Site
from testkit.fakes.world import ENGINE
from testkit.pending import waiting

SECOND = made(_site := before_the_second(), lambda: _site.up(no_switch=True))


def test_abort_takes_it_away_with_its_image(held: Site) -> None:
    done = held.abort()
    assert done is not None
    assert done.state is State.INTERRUPTED
    assert done.reason.startswith("aborted by ada@laptop; it was waiting since 2026-03-01")
    assert held.serving() == {"v1"}
    assert held.world.running() == [BLUE]
    assert "sha256:v2" not in held.world.behaviours
    assert not held.status().drifts


ABORTED = made(_away := waiting(), _away.abort)


@pytest.mark.parametrize(("call", "when", "kind"), failures(ABORTED), ids=str)
def test_an_abort_that_fails_anywhere_can_be_given_again(call: Call, when: When, kind: str) -> None:
    site = waiting()
    site.world.calls.fail(call.name, the_error(kind, call), when=when, nth=call.nth)
    outcome(site.abort)
    site.forget()
    if site.history.waiting(ProjectRef(ENGINE, "shop")):
        site.abort()
    assert site.serving() == {"v1"}
    assert site.records[0].state is State.INTERRUPTED
    assert_the_next_one_works(site)
