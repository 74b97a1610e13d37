"""The stages of a canary, as a user writes them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from compose_bluegreen.config.canary_stages import Stage, parse


def test_the_steps_are_read() -> None:
    minute = timedelta(minutes=1)
    assert parse("5%:1m, 25%:5m,99.5%:1m") == (
        Stage(500, minute),
        Stage(2500, 5 * minute),
        Stage(9950, minute),
    )
    assert parse("off") == ()


@pytest.mark.parametrize(
    "text", ["", "5%", "5:1m", "5%:1", "0%:1m", "100%:1m", "25%:1m,5%:1m", "5%:1m,5%:1m", "5%:1m,"]
)
def test_what_is_no_step_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"such as|unit"):
        parse(text)
