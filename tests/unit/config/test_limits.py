"""Limits of bake and canary: shares of failed requests, and response times."""

from __future__ import annotations

import pytest

from compose_bluegreen.config.limits import percentage, slowest_ms


@pytest.mark.parametrize(
    ("text", "before", "limit"),
    [
        ("3x", 100, 300.0),
        ("3x", 10, 60.0),
        ("1.5x", 1000, 1500.0),
        ("3x", None, None),
        ("800ms", None, 800.0),
        ("1.5s", 10, 1500.0),
        ("off", 10, None),
    ],
)
def test_the_highest_response_time_in_milliseconds(
    text: str, before: int | None, limit: float | None
) -> None:
    assert slowest_ms(text, before) == limit


@pytest.mark.parametrize("text", ["3", "x", "0.5x", "soon", ""])
def test_a_text_that_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="x"):
        slowest_ms(text, 10)


@pytest.mark.parametrize("text", ["5", "0.05", "101%", "-1%", "%", "5 %"])
def test_a_text_that_is_no_percentage_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="such as 5%"):
        percentage(text)
