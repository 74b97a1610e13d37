"""python -m bench.restarts: what dies under a site, and what that costs. Needs root and dockerd.

Beside it, at the same moments on the same engine, the same service by Compose with
``restart: always``.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from itertools import pairwise
from pathlib import Path
from statistics import median

from compose_bluegreen.adapters.haproxy.proxy_image import image
from compose_bluegreen.domain.topology import Topology
from testkit.checkout import ROOT
from testkit.load import Load, Mix
from testkit.load.mix import Bounds
from testkit.load.record import Kind, Outcome
from testkit.load.report import Report
from testkit.own_engine import OwnEngine, own_engine
from testkit.shell import environment
from testkit.sources import SAMPLE
from testkit.stage import Stage, service
from testkit.waiting import eventually

MIX = Mix.only(new_per_s=50, keep_alive=2, keep_alive_per_s=20)
SETTLED = 3.0
"""Seconds of load before and after: a gap must have an end."""


@dataclass(frozen=True, slots=True)
class Cost:
    """``gap`` is the longest time without a good answer on a new connection, in seconds."""

    requests: int
    failed: int
    gap: float


@dataclass(frozen=True, slots=True)
class Ground:
    engine: OwnEngine
    ours: Stage
    plain: Stage

    def url(self, stage: Stage) -> str:
        return f"http://{self.engine.address}:{stage.port}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.restarts", description=__doc__)
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="of each (3)")
    parser.add_argument("--replicas", type=int, default=1, metavar="N", help="of ours (1)")
    asked = parser.parse_args()
    print("| what happens | ours: failed, gap | plain compose: failed, gap |\n|---|---:|---:|")
    with _ground(asked.replicas) as ground:
        for name, ours, plain in _events(ground):
            seen = [_measured(ground, ours, plain) for _ in range(asked.runs)]
            columns = (_cell([one[side] for one in seen]) for side in ("ours", "plain"))
            print(f"| {name} | {' | '.join(columns)} |", flush=True)
    return 0


def _events(
    ground: Ground,
) -> Iterator[tuple[str, Callable[[], None], Callable[[], None] | None]]:
    """What befalls ours, and what plain compose meanwhile; None: the same befalls both at once."""
    engine = ground.engine
    yield "the daemon is restarted", partial(_restart, engine, signal.SIGTERM), None
    yield "the daemon is killed and started", partial(_restart, engine, signal.SIGKILL), None
    yield "containerd is killed", engine.kill_containerd, None
    web = f"{ground.plain.project}-web-1"
    yield (
        "the application's process is killed",
        lambda: _kill(ground.ours, _replica(ground.ours)),
        partial(_kill, ground.plain, web),
    )
    yield "HAProxy is killed", partial(_kill, ground.ours, ground.ours.proxy), lambda: None


def _restart(engine: OwnEngine, number: signal.Signals) -> None:
    engine.end(number)
    engine.start()


def _replica(stage: Stage) -> str:
    return next(name for name in stage.containers(running=True) if "-web-" in name)


def _kill(stage: Stage, container: str) -> None:
    """From outside, as the kernel does for want of memory: its restart policy brings it back."""
    os.kill(int(stage.inspect(container)["State"]["Pid"]), signal.SIGKILL)


def _measured(
    ground: Ground, ours: Callable[[], None], plain: Callable[[], None] | None
) -> dict[str, Cost]:
    sides = {"ours": ground.ours, "plain": ground.plain}
    with tempfile.TemporaryDirectory() as folder:
        loads = {
            name: _load(ground.url(stage), Path(folder, name)) for name, stage in sides.items()
        }
        with loads["ours"] as ours_load, loads["plain"] as plain_load:
            time.sleep(SETTLED)
            ours()
            if plain:
                plain()
            for stage in sides.values():
                eventually(partial(_serves, ground, stage), f"an answer of {stage.project}")
            time.sleep(SETTLED)
        return {"ours": _cost(ours_load.report()), "plain": _cost(plain_load.report())}


@contextmanager
def _load(url: str, log: Path) -> Iterator[Load]:
    with Load.running(url, log=log, mix=MIX, bounds=Bounds(seconds=300.0)) as load:
        yield load


def _serves(ground: Ground, stage: Stage) -> bool:
    try:
        return stage.ask(host=ground.engine.address).status == 200
    except (OSError, HTTPException):  # who is killed may be in the middle of an answer
        return False


def _cost(report: Report) -> Cost:
    good = sorted(
        one.ended_at for one in report.records if one.kind is Kind.NEW and one.outcome is Outcome.OK
    )
    gap = max(after - before for before, after in pairwise(good))
    return Cost(report.started, len(report.failed), gap)


def _cell(costs: list[Cost]) -> str:
    failed = [one.failed for one in costs]
    gaps = [one.gap for one in costs]
    sent = round(median(one.requests for one in costs))
    return (
        f"{median(failed):g} ({min(failed)}–{max(failed)}) of {sent},"
        f" {median(gaps):.2f} s ({min(gaps):.2f}–{max(gaps):.2f})"
    )


@contextmanager
def _ground(replicas: int) -> Iterator[Ground]:
    build = ["docker", "build", "--quiet", "--tag", SAMPLE, str(ROOT / "sample_service")]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory(prefix="bgrestarts-") as path:
        _have_the_proxys_image(Path(path))
        home = Path(path, "engine")
        home.mkdir()
        with own_engine(home) as engine:
            engine.borrow((SAMPLE, image(Topology("any"))))
            yield Ground(engine, _ours(Path(path), engine, replicas), _plain(Path(path), engine))


def _have_the_proxys_image(folder: Path) -> None:
    """On the machine's engine, by a release there."""
    stage = _stage(folder / "first", "first", None)
    try:
        stage.write(web=service(f"{stage.port}:8080"))
        stage.up("v1")
    finally:
        stage.close()


def _ours(folder: Path, engine: OwnEngine, replicas: int) -> Stage:
    stage = _stage(folder / "ours", "ours", engine)
    stage.write(web=service(f"{stage.port}:8080", restart="always", scale=replicas))
    stage.up("v1")
    return stage


def _plain(folder: Path, engine: OwnEngine) -> Stage:
    stage = _stage(folder / "plain", "plain", engine)
    web = service(f"{stage.port}:8080", restart="always")
    del web["x-bluegreen"]
    stage.write(web=web)
    stage.compose("up", "--detach", VERSION="v1").ended(0)
    return stage


def _stage(folder: Path, name: str, engine: OwnEngine | None) -> Stage:
    (folder / "project").mkdir(parents=True)
    own = environment(folder / "state") | ({"DOCKER_HOST": engine.host} if engine else {})
    return Stage(f"bgrestarts{os.getpid()}-{name}", folder / "project", own)


if __name__ == "__main__":
    sys.exit(main())
