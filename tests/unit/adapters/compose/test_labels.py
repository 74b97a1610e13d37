"""Labels of containers, which any user of the engine can write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compose_bluegreen.adapters.compose.labels import read_labels
from compose_bluegreen.domain.colour import Colour

KEYS = [
    *(f"compose-bluegreen.{key}" for key in ("project", "service", "colour", "deployment", "role")),
    "compose-bluegreen.release",
    "com.docker.compose.oneoff",
]


def test_what_makes_sense_is_read() -> None:
    found = read_labels({"compose-bluegreen.deployment": "41", "compose-bluegreen.colour": "blue"})
    assert (found["deployment"], found["colour"]) == (41, Colour.BLUE)


@pytest.mark.parametrize("number", ["", "-1", "1.5", "٤١", "x", "9" * 5000, "1\n", " 1"])
def test_a_number_that_is_none_is_left_out(number: str) -> None:
    assert read_labels({"compose-bluegreen.deployment": number})["deployment"] is None


@given(labels=st.dictionaries(st.sampled_from(KEYS), st.text()))
def test_no_label_breaks_it(labels: dict[str, str]) -> None:
    assert read_labels(labels)["colour"] in (None, *Colour)
