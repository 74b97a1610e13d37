"""python -m testkit.load URL --out FILE: until SIGTERM, SIGINT or a bound. 1 if a request failed."""

import argparse
import asyncio
import gc
import os
import signal
import sys
from pathlib import Path

from testkit.load.generator import Generator
from testkit.load.mix import Bounds, Mix
from testkit.load.pace import Pace
from testkit.load.record import Stop
from testkit.load.report import Report
from testkit.load.target import NotAllowedError, Target


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m testkit.load", description=__doc__)
    parser.add_argument("url", help="http://ADDRESS:PORT, loopback or private")
    parser.add_argument("--out", type=Path, required=True, help="where the records go")
    parser.add_argument("--until-eof", action="store_true", help="also end when stdin does")
    Mix.declare(parser, "the mix, where 0 switches a kind off")
    Bounds.declare(parser, "bounds")
    return parser.parse_args()


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def _run(arguments: argparse.Namespace, target: Target) -> Report:
    pace = Pace()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, pace.stop, Stop.ASKED)

    def heard() -> None:
        if not os.read(0, 1024):
            loop.remove_reader(0)
            pace.stop(Stop.ASKED)

    if arguments.until_eof:
        loop.add_reader(0, heard)
    mix, bounds = Mix.chosen(arguments), Bounds.chosen(arguments)
    return await Generator(target, mix, bounds, pace, lambda: _say("flowing")).run()


def main() -> int:
    arguments = _arguments()
    try:
        target = Target.at(arguments.url)
    except NotAllowedError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    gc.disable()  # its pauses over many records would be latencies; the run is bounded
    report = asyncio.run(_run(arguments, target))
    report.write(arguments.out)
    _say(report.table())
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
