"""The benchmark's arithmetic, and how it is shown; what it measures needs an engine."""

import pytest

from bench import table
from bench.figures import Beside, Goal, Measure, Row, Sample, Unit


def seconds(*values: float) -> Sample:
    return Sample.of(values, Unit.SECONDS)


def beside(*values: float) -> Beside:
    return Beside("the other", seconds(*values))


def test_a_ratio_is_taken_run_by_run() -> None:
    # The second run was slow for both, which the ratio of the medians would not know.
    assert seconds(1, 4, 3).per(seconds(2, 8, 3)).values == (0.5, 0.5, 1.0)


def test_what_comes_on_top_is_taken_run_by_run_and_keeps_its_unit() -> None:
    found = seconds(3, 5).over(seconds(1, 4))
    assert (found.values, found.unit) == ((2, 1), Unit.SECONDS)


def test_samples_of_different_runs_are_not_compared() -> None:
    with pytest.raises(ValueError, match="longer"):
        seconds(1).per(seconds(1, 2))


def test_a_sample_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing"):
        seconds()


@pytest.mark.parametrize(
    ("goal", "reached"),
    [
        (Goal(2, Measure.VALUE), True),
        (Goal(1.9, Measure.VALUE), False),
        (Goal(0.5, Measure.RATIO), True),
        (Goal(0.4, Measure.RATIO), False),
        (Goal(-2, Measure.EXCESS), True),
        (Goal(-3, Measure.EXCESS), False),
    ],
)
def test_the_median_is_held_to_the_goal(goal: Goal, reached: bool) -> None:
    row = Row("up", seconds(1, 2, 9), beside(2, 4, 18), goal)
    assert row.reached is reached


def test_without_a_goal_nothing_is_reached_or_missed() -> None:
    assert Row("up", seconds(1)).reached is None


def test_a_ratio_needs_something_to_compare_with() -> None:
    with pytest.raises(LookupError, match="beside nothing"):
        Row("up", seconds(1)).measured(Measure.RATIO)


def test_a_table_says_the_median_the_spread_and_the_goal() -> None:
    row = Row("up", seconds(1, 2, 3), beside(2, 2, 2), Goal(1.35, Measure.RATIO))
    assert table.markdown([row]).splitlines()[-1] == (
        "| up | 2.00 s (1.00 to 3.00) | the other: 2.00 s | 1.00 × (0.50 to 1.50) | ≤ 1.35 × | yes |"
    )


def test_a_program_gets_the_figures_of_every_run() -> None:
    (found,) = table.document([Row("up", seconds(1, 3), beside(2, 2), Goal(2, Measure.VALUE))])
    assert found["ours"]["runs"] == [1, 3]
    assert found["ratio"]["median"] == 1.0
    assert found["reached"] is True
