"""python -m bench.kills: hundreds of ``kill -9`` under load, and what was lost. Needs an engine.

The same seed gives the same deaths.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from testkit.checkout import ROOT
from testkit.kills import Act, Kills, deaths
from testkit.load import Load
from testkit.load.mix import Bounds
from testkit.shell import environment, plugin_folder
from testkit.sources import SAMPLE
from testkit.stage import LIGHT, Stage

A_BATCH = 10
"""Deaths for each load: it keeps a record of every request."""


_LONG = Bounds(seconds=3600.0)


def main() -> int:
    asked = _arguments()
    seed = asked.seed if asked.seed is not None else secrets.randbelow(1_000_000)
    sys.stderr.write(f"bench: seed {seed}\n")
    requests, failed = 0, Counter[str]()
    with staged("bgkills") as stage:
        kills = Kills(stage)
        kills.prepare()
        coming = deaths(seed, _shares(asked.kills))
        while batch := list(islice(coming, A_BATCH)):
            log = stage.folder / "load.jsonl"
            with Load.running(stage.url, log=log, mix=LIGHT, bounds=_LONG) as load:
                for death in batch:
                    kills.die(death)
                    sys.stderr.write(f"bench: {kills.told[-1]}\n")
            report = load.report()
            requests += report.started
            sys.stderr.write(f"bench: {report.started} requests, {len(report.failed)} failed\n")
            failed.update(f"{one.kind}: {one.outcome}" for one in report.failed)
        for death in deaths(seed, {Act.DOWN: max(2, asked.kills // 20)}):
            kills.die(death)
    print(json.dumps(_answer(seed, kills, requests, failed), indent=2))
    return 1 if failed else 0


def _answer(seed: int, kills: Kills, requests: int, failed: Counter[str]) -> dict[str, Any]:
    return {
        "seed": seed,
        "deaths": len(kills.told),
        "killed in time": kills.killed,
        "requests": requests,
        "failed": dict(failed),
        "settled": dict(kills.settled.most_common()),
        "at steps": dict(kills.at_steps.most_common()),
    }


def _shares(kills: int) -> dict[Act, int]:
    quarter, tenth = kills // 4, kills // 10
    left = kills - 2 * quarter - 2 * tenth
    shares = {Act.ROLLBACK: quarter, Act.UNDO: quarter, Act.HOLD: tenth, Act.PROMOTE: tenth}
    return {Act.UP: left, **shares}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=220, metavar="N", help="how many (220)")
    parser.add_argument("--seed", type=int, metavar="N", help="of an earlier run")
    return parser.parse_args()


@contextmanager
def staged(name: str) -> Iterator[Stage]:
    """``name`` begins those of all that is made for it; nothing of it stays."""
    subprocess.run(
        ["docker", "build", "--quiet", "--tag", SAMPLE, str(ROOT / "sample_service")],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    with tempfile.TemporaryDirectory(prefix=f"{name}-") as path:
        folder = Path(path)
        config = plugin_folder(folder / "docker", _compose())
        own = environment(folder / "state") | {"DOCKER_CONFIG": str(config)}
        own.setdefault("DOCKER_HOST", "unix:///var/run/docker.sock")
        (folder / "project").mkdir()
        stage = Stage(f"{name}{os.getpid()}", folder / "project", own, plugin=True)
        try:
            yield stage
        finally:
            stage.close()


def _compose() -> Path:
    said = subprocess.run(
        ["docker", "info", "--format", "{{json .ClientInfo.Plugins}}"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return next(Path(one["Path"]) for one in json.loads(said) if one["Name"] == "compose")


if __name__ == "__main__":
    sys.exit(main())
