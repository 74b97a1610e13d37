"""The contracts of the clock and of the observer."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, timedelta

import pytest

from compose_bluegreen.adapters.system.clock import SystemClock
from compose_bluegreen.cli.progress import ProgressFormat
from compose_bluegreen.cli.progress import observer as face_of
from compose_bluegreen.domain.states import Outcome
from compose_bluegreen.ports.system import Clock, Observer
from testkit.fakes.clock import FakeClock
from testkit.fakes.observer import FakeObserver
from testkit.fakes.world import World


@pytest.fixture(params=[lambda: FakeClock(World()), SystemClock], ids=["fake", "real"])
def clock(request: pytest.FixtureRequest) -> Clock:
    found: Clock = request.param()
    return found


def test_time_is_in_utc_and_passes_while_a_clock_sleeps(clock: Clock) -> None:
    began, moment = clock.now(), clock.monotonic()
    clock.sleep(0.01)
    assert clock.monotonic() - moment >= 0.01
    assert clock.now() - began >= timedelta(seconds=0.009)
    assert clock.now().tzinfo is UTC


Told = Callable[[], str]
"""All that an observer has printed or recorded."""


def fake() -> tuple[Observer, Told]:
    observer = FakeObserver()
    return observer, lambda: f"{observer.began} {observer.ended} {observer.remarks}"


def printed(face: ProgressFormat) -> Callable[[], tuple[Observer, Told]]:
    def made() -> tuple[Observer, Told]:
        stream = io.StringIO()
        return face_of(face, stream), stream.getvalue

    return made


@pytest.fixture(
    params=[
        fake,
        *(
            printed(face)
            for face in (ProgressFormat.PLAIN, ProgressFormat.JSON, ProgressFormat.TTY)
        ),
    ],
    ids=["fake", "plain", "json", "tty"],
)
def observed(request: pytest.FixtureRequest) -> tuple[Observer, Told]:
    found: tuple[Observer, Told] = request.param()
    return found


def test_steps_their_ends_and_remarks_are_reported_in_their_order(
    observed: tuple[Observer, Told],
) -> None:
    observer, told = observed
    observer.step_began("start:web", "start web-green", "its image changed")
    observer.step_began("wait:web", "wait for web-green", "")
    observer.step_ended("wait:web", "wait for web-green", Outcome.FAILED, 3.0, "never listened")
    observer.step_ended("start:web", "start web-green", Outcome.DONE, 1.0)
    observer.remark("2 requests were cut")
    parts = ("start web-green", "wait for web-green", "never listened", "2 requests were cut")
    assert all(part in told() for part in parts)
    assert told().index("never listened") < told().index("2 requests were cut")
