"""python -m bench.over_ssh: commands over ssh:// beside the same over a socket that was forwarded by hand.

Both go through one server of ssh on loopback, with 40 ms of added delay. Needs root and an engine. It
fails where a command over ssh:// takes more than 1.3 times as long, plus one second for its login.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench.command import CommandFailed
from bench.comparison import Comparison, opened
from bench.figures import Sample, Unit
from bench.machine import Machine
from testkit.ssh_server import HOST, SshServer, ssh_server
from testkit.waiting import eventually

ROUND_TRIP = 0.04
AT_MOST, LOGIN = 1.3, 1.0
COMMANDS = ("up", "rollback", "status", "history")


def main() -> int:
    asked = _arguments()
    try:
        with tempfile.TemporaryDirectory(prefix="bgssh-") as name, opened(None) as stage:
            folder = Path(name)
            with ssh_server(folder, ROUND_TRIP) as server, _forwarded(server, folder) as by_hand:
                ours = {"DOCKER_HOST": f"ssh://{HOST}", "PATH": server.path}
                figures = _measured(stage, Machine(), by_hand, ours, asked.runs)
    except CommandFailed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    print(
        json.dumps(
            {each: _shown(*pair) for each, pair in figures.items()}, indent=2, ensure_ascii=False
        )
    )
    return 1 if any(_is_slow(*pair) for pair in figures.values()) else 0


@contextmanager
def _forwarded(server: SshServer, folder: Path) -> Iterator[Mapping[str, str]]:
    socket = folder / "by-hand.sock"
    forwarding = f"{socket}:/var/run/docker.sock"
    process = subprocess.Popen(
        (str(folder / "bin" / "ssh"), "-nNT", "-L", forwarding, HOST), stdin=subprocess.DEVNULL
    )
    try:
        eventually(socket.exists, "a socket that was forwarded by hand")
        yield {"DOCKER_HOST": f"unix://{socket}", "PATH": server.path}
    finally:
        process.terminate()
        process.wait(20)


def _measured(
    stage: Comparison,
    machine: Machine,
    by_hand: Mapping[str, str],
    ours: Mapping[str, str],
    runs: int,
) -> dict[str, tuple[Sample, Sample]]:
    for _ in range(2):
        stage.release("0")
    found = {}
    for name in COMMANDS:
        theirs, mine = [], []
        for run in range(runs + 1):
            machine.until_quiet()
            pair = [stage.seconds(name, **connection) for connection in (by_hand, ours)]
            if run:
                theirs.append(pair[0])
                mine.append(pair[1])
        found[name] = Sample.of(mine, Unit.SECONDS), Sample.of(theirs, Unit.SECONDS)
        medians = [each.median for each in found[name]]
        sys.stderr.write(f"bench: {name}: {medians[0]:.2f} s, by hand {medians[1]:.2f} s\n")
    return found


def _is_slow(mine: Sample, theirs: Sample) -> bool:
    return mine.median > AT_MOST * theirs.median + LOGIN


def _shown(mine: Sample, theirs: Sample) -> str:
    return f"{mine.median:.2f} s, by hand {theirs.median:.2f} s: {mine.per(theirs).median:.2f} ×"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.over_ssh", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="of each command (5)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
