"""Durations as Compose writes them, read and shown."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compose_bluegreen.domain import durations


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("1m30s", 90),
        ("500ms", 0.5),
        ("1.5h", 5400),
        (".5s", 0.5),
        ("5.s", 5),
        ("0.1s", 0.1),
        ("1h0m0s", 3600),
        ("2d", 172_800),
        ("1w", 604_800),
        ("3us", 0.000003),
        ("3µs", 0.000003),
        ("3μs", 0.000003),
        ("0s", 0),
        (" 1m ", 60),
    ],
)
def test_reads_what_compose_reads(text: str, seconds: float) -> None:
    assert durations.parse(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "s",
        ".s",
        "1m 30s",
        "1m30",
        "-5s",
        "+5s",
        "1y",
        "5S",
        "٣s",
        "1e3s",
        "30s!",
        "9" * 20 + "s",
    ],
)
def test_refuses_what_is_no_duration_and_names_the_cure(text: str) -> None:
    with pytest.raises(ValueError, match="write numbers with units"):
        durations.parse(text)


@pytest.mark.parametrize("text", ["90", "1.5", "0"])
def test_a_number_without_a_unit_is_refused_with_the_unit_to_add(text: str) -> None:
    with pytest.raises(ValueError, match=f"{text} has no unit: write {text}s"):
        durations.parse(text)


def test_a_duration_longer_than_time_is_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        durations.parse("999999999999999w")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.000001, "1us"),
        (0.0015, "1.5ms"),
        (0.5, "500ms"),
        (1.5, "1.5s"),
        (90, "1m30s"),
        (60, "1m"),
        (3600, "1h"),
        (90_000, "25h"),
        (-90, "-1m30s"),
    ],
)
def test_shows_them_as_a_person_would_write_them(seconds: float, text: str) -> None:
    assert durations.show(timedelta(seconds=seconds)) == text


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=9999)))
def test_what_is_shown_reads_back_the_same(duration: timedelta) -> None:
    assert durations.parse(durations.show(duration)) == duration


@given(st.text(max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(ValueError):
        assert durations.parse(text) >= timedelta(0)
