"""Several commands at once, with crashes, freezes, restarts and full disks in between, from seeds.

``testkit/simulation/README.md`` says what is simulated and what must hold.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from testkit.simulation.faults import Fault, Weakness
from testkit.simulation.schedule import Result, simulate

_SCHEDULES, _AT_ONCE = 2000, 100
_ROOT = Path(__file__).parents[2]

_TAME = 3000
"""A simulator that finds a known fault only after so many schedules has become too tame."""


@cache
def found(weakness: Weakness) -> Result:
    """The first schedule that finds a fault which was put back; another one after each change of the
    product, which makes other calls then."""
    results = (simulate(seed, frozenset({weakness})) for seed in range(_TAME))
    return next(result for result in results if result.problem)


@pytest.mark.parametrize("first", range(0, _SCHEDULES, _AT_ONCE))
def test_no_schedule_breaks_an_invariant(first: int) -> None:
    results = (simulate(seed) for seed in range(first, first + _AT_ONCE))
    broken = [_told(result) for result in results if result.problem]
    assert broken == [], broken[0]


@pytest.mark.parametrize("weakness", Weakness)
def test_a_fault_that_is_put_back_is_found(weakness: Weakness) -> None:
    """A simulator whose world is too tame would find nothing, and nobody would know."""
    result = found(weakness)
    assert "lost the lock" in result.problem or "nobody answers" in result.problem
    assert result.trace.endswith(result.problem)


def test_each_kind_of_fault_happens_within_a_few_schedules() -> None:
    happened = {fault for seed in range(150) for fault in simulate(seed).faults}
    assert happened == set(Fault)


def test_a_seed_is_the_same_schedule_in_every_process() -> None:
    """Whatever the hash seed of Python is; the report has a command line that replays it."""
    weakness = Weakness.ACTS_BY_NAME
    seed = found(weakness).seed
    words = ["--seeds", str(seed), "--weakness", str(weakness)]
    reports = {_report(words, hash_seed) for hash_seed in ("1", "2")}
    assert len(reports) == 1
    (report,) = reports
    assert f"replay: python -m testkit.simulation --seeds {seed}" in report


def _report(words: list[str], hash_seed: str) -> str:
    """Without the last two lines, which tell how long it took."""
    ran = subprocess.run(
        [sys.executable, "-m", "testkit.simulation", *words],
        cwd=_ROOT,
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 1, ran.stderr
    return "\n".join(ran.stdout.splitlines()[:-2])


def _told(result: Result) -> str:
    return f"seed {result.seed}: {result.problem}\n{result.trace}"
