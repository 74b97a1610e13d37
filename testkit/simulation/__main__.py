"""``python -m testkit.simulation --seeds 0..2000 --processes 2``: a report on standard output.

Exit code 1 if an invariant did not hold. Each failure has the command line that replays it; with
one seed alone the whole trace is shown.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from multiprocessing import Pool

from testkit.simulation.faults import Weakness
from testkit.simulation.schedule import Result, simulate

_LAST_LINES = 25


def main(words: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(words)
    seeds: range = given.seeds
    weaknesses = frozenset(map(Weakness, given.weakness))
    began, calls, count, failed = time.monotonic(), 0, 0, 0
    faults: Counter[str] = Counter()
    for result in _results(seeds, given.processes, weaknesses):
        count += 1
        calls += result.calls
        faults.update(map(str, result.faults))
        if result.problem:
            failed += 1
            _report(result, weaknesses, whole=len(seeds) == 1)
            if failed >= given.at_most:
                break
    seconds = time.monotonic() - began
    _say(
        f"{count} schedules of {seeds[0]}..{seeds[-1]}, {calls} calls, {seconds:.0f} s"
        f" ({count / max(seconds, 1e-9):.0f} each second), {failed} failed"
    )
    _say("faults: " + ", ".join(f"{count} {name}" for name, count in sorted(faults.items())))
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m testkit.simulation", description=__doc__)
    parser.add_argument("--seeds", type=_seeds, default=range(2000), metavar="FIRST..AFTER_LAST")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--at-most", type=int, default=10, help="failures, then it ends")
    parser.add_argument("--weakness", action="append", default=[], choices=list(Weakness))
    return parser


def _seeds(text: str) -> range:
    """``7``, or ``0..2000`` without 2000."""
    first, dots, end = text.partition("..")
    return range(int(first), int(end) if dots else int(first) + 1)


def _results(seeds: range, processes: int, weaknesses: frozenset[Weakness]) -> Iterator[Result]:
    one = partial(simulate, weaknesses=weaknesses)
    if processes < 2:
        yield from map(one, seeds)
        return
    with Pool(processes) as pool:
        yield from pool.imap_unordered(one, seeds, chunksize=20)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _report(result: Result, weaknesses: frozenset[Weakness], *, whole: bool) -> None:
    lines = result.trace.splitlines()
    _say("\n".join(lines if whole else lines[-_LAST_LINES:]))
    more = "".join(f" --weakness {str(one)!r}" for one in sorted(weaknesses))
    _say(f"seed {result.seed}: {result.problem}")
    _say(f"replay: python -m testkit.simulation --seeds {result.seed}{more}\n")


if __name__ == "__main__":
    sys.exit(main())
