"""Whether the answers of a load contradict one atomic switch."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from testkit.load import Kind, Outcome, Record, Report
from testkit.load.linearizability import Switching, check
from testkit.load.record import Stop


def answer(
    version: str, begins: float, ends: float, *, kind: Kind = Kind.NEW, colour: str = ""
) -> Record:
    status, outcome = (200, Outcome.OK) if version else (503, Outcome.BAD_STATUS)
    return Record(kind, begins, begins, ends, outcome, status, colour, version, begins, "")


def reported(*records: Record) -> Report:
    return Report(records, 0.0, 20.0, Stop.ASKED, 0.1)


def stale(*records: Record, during: tuple[Switching, ...] = ()) -> list[Record]:
    return list(check(reported(*records), during).stale)


RELEASE = Switching(2, 6)
FORTH, BACK = Switching(2, 4, switches=1), Switching(8, 9, switches=1)


def test_a_release_and_a_rollback_are_explained() -> None:
    assert (
        stale(
            answer("v1", 0, 1),
            answer("v1", 2, 3),
            answer("v2", 2.5, 3.5),
            answer("v2", 5, 8.5),
            answer("v1", 8.2, 8.8),
            answer("v1", 10, 11),
            during=(FORTH, BACK),
        )
        == []
    )


def test_requests_of_the_old_version_in_flight_at_the_switch_are_explained() -> None:
    assert (
        stale(
            answer("v1", 1, 9, kind=Kind.LONG),
            answer("v2", 3, 3.1),
            answer("v1", 2.9, 8),
            answer("v2", 8, 10),
            during=(RELEASE,),
        )
        == []
    )


def test_the_old_version_after_an_answer_of_the_new_one_is_stale() -> None:
    late = answer("v1", 3.2, 3.3)

    assert stale(
        answer("v1", 1, 1.1),
        answer("v2", 3, 3.1),
        answer("v2", 3.05, 3.15),
        late,
        answer("v2", 3.4, 3.5),
        during=(RELEASE,),
    ) == [late]


def test_the_new_version_before_its_command_is_stale() -> None:
    early = answer("v2", 1.2, 1.3)

    assert stale(
        answer("v1", 1, 1.1), early, answer("v1", 2, 2.2), answer("v2", 5, 5.1), during=(RELEASE,)
    ) == [early]


def test_the_new_version_after_its_rollback_is_stale_although_the_old_one_was_live_twice() -> None:
    late = answer("v2", 9.1, 9.2)

    assert stale(
        answer("v1", 1, 1.1),
        answer("v2", 5, 5.1),
        answer("v1", 8.5, 8.6),
        late,
        answer("v1", 10, 11),
        during=(FORTH, BACK),
    ) == [late]


def test_the_old_version_between_a_release_and_its_rollback_is_stale() -> None:
    """Both times at which it was live are too far away."""
    late = answer("v1", 5.5, 5.6)

    assert stale(
        answer("v1", 1, 1.1),
        answer("v2", 5, 5.1),
        answer("v2", 5.2, 5.3),
        late,
        answer("v2", 6, 6.1),
        answer("v1", 10, 11),
        during=(FORTH, BACK),
    ) == [late]


def test_two_versions_without_a_command_contradict_each_other() -> None:
    other = answer("v2", 3, 3.1)

    assert stale(answer("v1", 1, 1.1), other, answer("v1", 2, 2.1)) == [other]


def test_a_version_in_the_other_colour_is_another_value_if_asked_so() -> None:
    report = reported(answer("v1", 1, 1.1, colour="blue"), answer("v1", 3, 3.1, colour="green"))

    assert len(check(report, ()).stale) == 1
    assert check(report, (), by_colour=False).stale == ()


def test_messages_and_answers_of_no_version_are_not_reads() -> None:
    assert (
        stale(answer("v2", 1, 1.1), answer("v1", 2, 3, kind=Kind.MESSAGE), answer("", 2, 3)) == []
    )


def test_a_split_window_allows_two_versions_and_no_third() -> None:
    canary = Switching(2, 6, split=True)
    both = [
        answer(f"v{1 + number % 2}", 3 + number / 10, 3.05 + number / 10) for number in range(9)
    ]
    third = answer("v3", 4, 4.1)
    before, after = answer("v1", 1, 1.1), answer("v2", 7, 7.1)

    assert stale(before, *both, after, during=(canary,)) == []
    assert stale(before, *both, third, after, during=(canary,)) == [third]
    assert stale(before, *both, after, answer("v1", 8, 9), during=(canary,)) != []


def test_it_says_which_answer_is_stale_and_how_the_others_are_explained() -> None:
    new = [answer("v2", begins, begins + 0.5) for begins in (3, 3.1, 5)]
    report = reported(answer("v1", 1, 1.5), *new, answer("v1", 4, 4.5))
    told = check(report, [RELEASE]).describe()

    assert "1 answers contradict one atomic switch" in told
    assert "+4.000 s new ok after 500.0 ms, answered by v1" in told
    assert "the others: v1 until +3.500 s at the latest, then v2" in told


@some.composite
def histories(draw: some.DrawFn) -> tuple[list[Record], list[Switching]]:
    """What one register gives: v0, v1, … or back, each change in a window of its own."""
    number = draw(some.integers(1, 4))
    values, windows, times = ["v0"], [], []
    for each in range(number):
        begins = 10.0 * each + 5
        windows.append(Switching(begins, begins + 3, switches=1))
        times.append(begins + draw(some.floats(0, 3)))
        back = draw(some.booleans()) and len(values) > 1
        values.append(values[-2] if back else f"v{len(set(values))}")
    records = []
    for _ in range(draw(some.integers(0, 40))):
        at = draw(some.floats(0, 10.0 * number + 5))
        begins = at - draw(some.floats(0, 4))
        ends = at + draw(some.floats(0, 4))
        value = values[sum(moment <= at for moment in times)]
        records.append(answer(value, begins, ends))
    return records, windows


@settings(max_examples=200, deadline=None)
@given(histories())
def test_what_one_register_answers_is_never_stale(
    history: tuple[list[Record], list[Switching]],
) -> None:
    records, windows = history

    assert stale(*records, during=tuple(windows)) == []


@pytest.mark.parametrize("position", range(3))
def test_one_wrong_answer_among_thousands_is_found(position: int) -> None:
    """Each release has 1,000 requests, three at a time."""
    windows = tuple(Switching(10.0 * each + 5, 10.0 * each + 6, switches=1) for each in range(4))
    records = []
    for number in range(5000):
        begins = number / 100
        value = f"v{sum(begins > window.begins + 0.5 for window in windows)}"
        records.append(answer(value, begins, begins + 0.03))
    wrong = answer("v1", 22.0 + 10 * position, 22.01 + 10 * position)

    assert stale(*records, during=windows) == []
    assert stale(*records, wrong, during=windows) == [wrong]
