"""A command that lost its lock changes no container, image or network."""

from __future__ import annotations

from typing import NoReturn

import pytest

from compose_bluegreen.adapters.compose.guarded import GuardedWorkloads
from compose_bluegreen.domain.errors import LockLost
from testkit.failures import BLUE, before_the_second
from testkit.fakes.site import Site
from testkit.fakes.workloads import FakeWorkloads


@pytest.fixture
def serving() -> Site:
    return before_the_second()


def _lost() -> NoReturn:
    raise LockLost("this deployment has lost its lock")


def test_whoever_lost_the_lock_changes_nothing(serving: Site) -> None:
    guarded = GuardedWorkloads(FakeWorkloads(serving.world), _lost).as_workloads
    live = serving.ctx.colour_containers()
    for change in (guarded.remove, guarded.stop, guarded.start):
        with pytest.raises(LockLost):
            change(live)
    with pytest.raises(LockLost):
        guarded.tag("sha256:v1", "web:other")
    assert serving.world.running() == [BLUE]
    assert "web:other" not in serving.world.names


def test_whoever_has_it_is_asked_before_each_change(serving: Site) -> None:
    asked: list[int] = []

    def assure() -> None:
        asked.append(len(serving.world.running()))

    guarded = GuardedWorkloads(FakeWorkloads(serving.world), assure).as_workloads
    guarded.remove(serving.ctx.colour_containers())
    assert asked == [1]
    assert serving.world.running() == []


def test_to_look_needs_no_lock(serving: Site) -> None:
    guarded = GuardedWorkloads(FakeWorkloads(serving.world), _lost).as_workloads
    assert list(guarded.logs([BLUE], follow=False, tail=1)) == [f"{BLUE} | listening\n".encode()]
