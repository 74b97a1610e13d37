"""A release that waits for promotion, for the tests of what becomes of it."""

from __future__ import annotations

from compose_bluegreen.domain.states import State
from testkit.failures import BLUE, GREEN, before_the_second
from testkit.fakes.site import Site

DAY = 86_400.0
"""Seconds."""


def waiting() -> Site:
    """Blue serves ``v1``; ``v2`` waits on green, since yesterday."""
    site = before_the_second()
    assert site.up(no_switch=True) is not None
    site.forget()
    site.ctx.clock.sleep(DAY)
    return site


def assert_it_waits(site: Site) -> None:
    """And nothing else is otherwise than it was."""
    assert site.serving() == {"v1"}
    assert site.world.running() == [BLUE, GREEN]
    assert site.records[0].state is State.WAITING
    assert site.world.names["web:latest"] == "sha256:v1"
    assert not site.status().drifts
