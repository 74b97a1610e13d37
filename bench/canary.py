"""python -m bench.canary: which share of the requests a canary gets. Needs an engine."""

from __future__ import annotations

import argparse
import json
import signal
import sys

from bench.kills import staged
from testkit.stage import Stage, service
from testkit.waiting import eventually

SHARES = (1, 5, 25, 50)
"""Of a hundred."""

WITHIN = 2.0
"""Points."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.canary", description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000, metavar="N", help="each (10000)")
    requests = parser.parse_args().requests
    with staged("bgcanary") as stage:
        own = {"health": {"path": "/healthz"}, "drain_timeout": "5s"}
        stage.write(web=service(f"{stage.port}:8080", **{"x-bluegreen": own}))
        stage.up("v1")
        found = {f"{share}%": _measured(stage, share, requests) for share in SHARES}
    print(json.dumps({"requests each": requests, "measured, %": found}, indent=2))
    far = [share for share in SHARES if abs(found[f"{share}%"] - share) > WITHIN]
    return 1 if far else 0


def _measured(stage: Stage, share: int, requests: int) -> float:
    words = ("up", "--progress", "json", "--canary", f"{share}%:1h")
    running = stage.begin(*words, VERSION=f"share{share}")
    running.until('"step_began", "key": "canary:')
    eventually(lambda: len(stage.versions(100)) > 1, "answers by both")
    found = stage.versions(requests)
    running.signal(signal.SIGINT, group=True)
    running.end().ended(130)
    return round(100 * found[f"share{share}"] / requests, 2)


if __name__ == "__main__":
    sys.exit(main())
