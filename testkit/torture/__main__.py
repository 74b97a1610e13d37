"""python -m testkit.torture: what a deploy command loses. 0 if nothing, 1 if anything, 2 if not run."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from testkit.load import LoadError, Mix
from testkit.load.target import NotAllowedError
from testkit.torture.deploys import Deploys, Manners
from testkit.torture.ledger import Ledger
from testkit.torture.reckoning import Row
from testkit.torture.table import markdown
from testkit.torture.target import answers, on_loopback, supported
from testkit.torture.trial import Ground, Trial

MOST = 100
"""Deploys and kills of each row: a run is bounded."""


class CannotRunError(Exception):
    """The deploy command or the URL is not what it has to be."""


def main(words: Sequence[str] | None = None) -> int:
    asked = _arguments(words)
    seed = asked.seed if asked.seed is not None else secrets.randbelow(1_000_000)
    try:
        rows = _run(asked, seed)
    except (CannotRunError, LoadError, NotAllowedError) as error:
        sys.stderr.write(f"torture: {error}\n")
        return 2
    at = datetime.now(UTC)
    if asked.json:
        answer = {
            "at": at.isoformat(),
            "deploy": asked.deploy,
            "seed": seed,
            "rows": {str(trial): row.document() for trial, row in rows.items()},
        }
        asked.json.write_text(json.dumps(answer, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(f"{asked.deploy}\n{at:%Y-%m-%d %H:%M} UTC, seed {seed}\n\n{markdown(rows)}")
    return 0 if all(row.is_clean for row in rows.values()) else 1


def _run(asked: argparse.Namespace, seed: int) -> dict[Trial, Row]:
    target = on_loopback(asked.url)
    environment = dict(os.environ)
    ledger = Ledger(asked.ledger.absolute()) if asked.ledger else None
    if ledger:
        ledger.clear()
    chance = Random(seed)  # noqa: S311 - it must be the same again
    deploys = Deploys(asked.deploy, environment, asked.deploy_timeout, chance)
    _say(f"seed {seed}; the first deploy")
    first = deploys.run(asked.manners[0])
    if first.code:
        raise CannotRunError(f"the deploy command failed:\n{first.said}")
    if not answers(target, first.version):
        raise CannotRunError(
            f"{asked.url} is not answered by the version that was deployed; "
            "next: see “What the application must do” in testkit/torture/README.md"
        )
    found = supported(target, Mix.chosen(asked))
    if found.missing:
        _say(f"not answered there, and left out: {', '.join(found.missing)}")
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        ground = Ground(
            target,
            asked.url,
            found.mix,
            deploys,
            asked.idle,
            ledger,
            Path(folder),
            _say,
            asked.pause,
        )
        return {trial: trial.run(ground) for trial in _trials(asked)}


def _trials(asked: argparse.Namespace) -> list[Trial]:
    return [
        Trial(manners, count, kills)
        for manners in asked.manners
        for count, kills in ((asked.deploys, False), (asked.kills, True))
        if count
    ]


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m testkit.torture", description=__doc__)
    parser.add_argument("--deploy", required=True, metavar="COMMAND", help="with {version} in it")
    parser.add_argument("--url", required=True, help="http://ADDRESS:PORT, on loopback")
    parser.add_argument(
        "--ledger", type=Path, metavar="FILE", help="where the application notes POSTs"
    )
    parser.add_argument("--deploys", type=_count, default=5, metavar="N", help="a row (5)")
    parser.add_argument("--kills", type=_count, default=5, metavar="N", help="a row (5)")
    parser.add_argument("--idle", type=_count, default=20, metavar="N", help="idle clients (20)")
    parser.add_argument(
        "--manners",
        type=Manners,
        nargs="+",
        choices=list(Manners),
        default=list(Manners),
        help="of the application at its end (both)",
    )
    parser.add_argument("--deploy-timeout", type=float, default=120.0, metavar="S")
    parser.add_argument("--pause", type=float, default=1.0, metavar="S", help="after a deploy (1)")
    parser.add_argument("--seed", type=int, metavar="N", help="of an earlier run")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the table for programs")
    Mix.declare(parser, "the mix, where 0 switches a kind off")
    parser.set_defaults(
        new_per_s=60.0,
        keep_alive=4,
        keep_alive_per_s=20.0,
        long_ms=1000,
        posts_per_s=20.0,
        downloads_per_s=1.0,
        download_bytes=200_000,
    )
    return parser.parse_args(words)


def _count(word: str) -> int:
    number = int(word)
    if not 0 <= number <= MOST:
        raise argparse.ArgumentTypeError(f"0 to {MOST}")
    return number


def _say(text: str) -> None:
    sys.stderr.write(f"torture: {text}\n")


if __name__ == "__main__":
    sys.exit(main())
