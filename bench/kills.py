"""python -m bench.kills: hundreds of ``kill -9`` under load, and what was lost. Needs an engine.

Every other death is in a release that reloads the proxy. Beside the load, clients that were idle since
before a death ask after it. The same seed gives the same deaths.
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
from functools import partial
from http.client import HTTPException
from itertools import islice
from pathlib import Path
from typing import Any

from testkit.checkout import ROOT
from testkit.idle import Http1Client, IdleClients, idle_clients
from testkit.kills import Act, Kills, deaths
from testkit.load import Load
from testkit.load.mix import Bounds
from testkit.shell import environment, plugin_folder
from testkit.sources import SAMPLE
from testkit.stage import LIGHT, Stage

A_BATCH = 10
"""Deaths for each load: it keeps a record of every request."""


IDLE = 20
"""Keep-alive clients that are idle during each death. Every other one asks by POST after it."""

_LONG = Bounds(seconds=3600.0)


def main() -> int:
    asked = _arguments()
    seed = asked.seed if asked.seed is not None else secrets.randbelow(1_000_000)
    sys.stderr.write(f"bench: seed {seed}\n")
    requests, failed = 0, Counter[str]()
    with staged("bgkills") as stage:
        kills = Kills(stage, reloads=True)
        kills.prepare()
        coming = deaths(seed, _shares(asked.kills))
        while batch := list(islice(coming, A_BATCH)):
            log = stage.folder / "load.jsonl"
            with (
                Load.running(stage.url, log=log, mix=LIGHT, bounds=_LONG) as load,
                idle_clients(IDLE, partial(Http1Client, stage.port)) as idle,
            ):
                for death in batch:
                    kills.die(death)
                    sys.stderr.write(f"bench: {kills.told[-1]}\n")
                    lost = _lost(idle)
                    failed.update(lost)
                    requests += IDLE
                    sys.stderr.write(f"bench: idle clients: {dict(lost) or 'all answered'}\n")
            report = load.report()
            requests += report.started
            sys.stderr.write(f"bench: {report.started} requests, {len(report.failed)} failed\n")
            failed.update(f"{one.kind}: {one.outcome}" for one in report.failed)
        for death in deaths(seed, {Act.DOWN: max(2, asked.kills // 20)}):
            kills.die(death)
    print(json.dumps(_answer(seed, kills, requests, failed), indent=2))
    return 1 if failed else 0


def _lost(idle: IdleClients) -> Counter[str]:
    try:
        answers = idle.ask()
    except (OSError, HTTPException) as error:
        return Counter({f"idle client: {type(error).__name__}": 1})
    return Counter(
        {f"idle client: {status}": count for (status, _), count in answers.items() if status != 200}
    )


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
