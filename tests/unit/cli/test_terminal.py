"""Text of containers, before it reaches a terminal."""

from __future__ import annotations

import pytest

from compose_bluegreen.cli.terminal import clean


@pytest.mark.parametrize("mark", ["\u202e", "\u2066", "\u200f", "\u061c", "\u2028"])
def test_no_mark_changes_the_direction_of_a_line(mark: str) -> None:
    assert clean(f"deployed {mark}dekcah") == "deployed dekcah"


def test_other_scripts_stay_as_they_are() -> None:
    assert clean("שלום, 漢字, café") == "שלום, 漢字, café"
