"""Time within one command, also where somebody sets the machine's clock meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from compose_bluegreen.adapters.system import clock
from compose_bluegreen.adapters.system.clock import SystemClock


class SetBack(datetime):
    """The machine's clock, an hour ago."""

    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
        return datetime.now(UTC) - timedelta(hours=1)


def test_a_clock_that_is_set_back_makes_no_duration_negative(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours = SystemClock()
    before = ours.now()
    monkeypatch.setattr(clock, "datetime", SetBack)
    assert timedelta(0) <= ours.now() - before < timedelta(minutes=1)
