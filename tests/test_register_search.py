"""The search for one register finds what trying everything finds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement, product

from hypothesis import given, settings
from hypothesis import strategies as some

from testkit.load.register_search import Explanation, Read, Window, explained, joined

END = 7
"""Moments are whole numbers up to this one."""

VALUES = "abc"


@some.composite
def reads(draw: some.DrawFn) -> Read:
    begins = draw(some.integers(0, END))
    return Read(begins, draw(some.integers(begins, END)), draw(some.sampled_from(VALUES)))


@some.composite
def windows(draw: some.DrawFn) -> Window:
    begins = draw(some.integers(0, END))
    return Window(begins, draw(some.integers(begins, END)), draw(some.integers(1, 2)))


HISTORIES = some.lists(reads(), max_size=9)
WINDOWS = some.lists(windows(), max_size=2)


@settings(max_examples=400, deadline=None)
@given(HISTORIES, WINDOWS)
def test_it_leaves_as_few_reads_unexplained_as_any_register(
    history: list[Read], allowed: list[Window]
) -> None:
    found = explained(history, allowed)

    assert found is not None
    registers = [*every_register(joined(allowed))]
    assert len(found.unexplained) == min(unexplained(history, one) for one in registers)
    assert (explained(history, allowed, most=0) is not None) == (not found.unexplained)


@settings(max_examples=200, deadline=None)
@given(HISTORIES, WINDOWS)
def test_its_changes_are_a_register_that_explains_the_others(
    history: list[Read], allowed: list[Window]
) -> None:
    found = explained(history, allowed)

    assert found is not None
    if found.changes:
        times = [change.at for change in found.changes]
        assert times == sorted(times)
        assert all(count(times, one) <= one.changes for one in joined(allowed))
        assert sum(count(times, one) for one in joined(allowed)) == len(times)
        values = [found.changes[0].old, *(change.new for change in found.changes)]
        assert unexplained(history, (times, values)) == len(found.unexplained)


def test_no_read_needs_no_change() -> None:
    assert explained([], [Window(1, 2)]) == Explanation()


def test_windows_that_overlap_allow_the_changes_of_both() -> None:
    assert joined([Window(4, 6), Window(0, 2), Window(5, 9, changes=2)]) == [
        Window(0, 2),
        Window(4, 9, changes=3),
    ]


Register = tuple[Sequence[float], Sequence[str]]
"""When it changes; its values, one more."""


def every_register(allowed: Sequence[Window]) -> Iterator[Register]:
    ways = [
        [one for number in range(window.changes + 1) for one in chosen(window, number)]
        for window in allowed
    ]
    for way in product(*ways):
        times = [moment for part in way for moment in part]
        for values in product(VALUES, repeat=len(times) + 1):
            yield times, values


def chosen(window: Window, number: int) -> Iterator[tuple[int, ...]]:
    moments = range(int(window.begins), int(window.ends) + 1)
    return combinations_with_replacement(moments, number)


def unexplained(history: Sequence[Read], register: Register) -> int:
    times, values = register
    begins, ends = [-1.0, *times], [*times, END + 1.0]
    return sum(
        not any(
            value == read.value and first <= read.ends and read.begins <= last
            for value, first, last in zip(values, begins, ends, strict=True)
        )
        for read in history
    )


def count(times: Sequence[float], window: Window) -> int:
    return sum(window.begins <= moment <= window.ends for moment in times)
