"""The two colours of a service."""

from __future__ import annotations

from compose_bluegreen.domain.colour import Colour


def test_the_other_colour_of_the_other_colour_is_the_colour() -> None:
    for colour in Colour:
        assert colour.other is not colour
        assert colour.other.other is colour
