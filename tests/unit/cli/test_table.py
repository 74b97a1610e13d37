"""Tables on a terminal."""

from __future__ import annotations

from datetime import timedelta

import pytest

from compose_bluegreen.cli.table import table, took
from compose_bluegreen.cli.terminal import Terminal


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0s"), (12.34, "12.3s"), (60, "1m00s"), (125.9, "2m05s")]
)
def test_durations_are_as_long_as_a_person_wants(seconds: float, text: str) -> None:
    assert took(timedelta(seconds=seconds)) == text


def test_a_table_of_nothing_is_its_head() -> None:
    assert table(("A", "B"), [], Terminal(), {}) == ["A  B"]
