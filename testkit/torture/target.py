"""Where the load goes: this machine's loopback; and which kinds of requests are answered there."""

from __future__ import annotations

import asyncio
import time
from contextlib import closing
from dataclasses import dataclass, replace
from http.client import HTTPException

from testkit.idle import Http1Client
from testkit.load import Kind, Mix, Report
from testkit.load.generator import Generator
from testkit.load.mix import Bounds
from testkit.load.pace import Pace
from testkit.load.target import NotAllowedError, Target

_A_SECOND = 20
LOOPBACK = "127.0.0.1"
PATIENCE_S = 20.0

_AMOUNTS = {
    Kind.KEEP_ALIVE: "keep_alive",
    Kind.LONG: "long_per_s",
    Kind.POST: "posts_per_s",
    Kind.DOWNLOAD: "downloads_per_s",
    Kind.HANDSHAKE: "web_sockets",
}
_PROBE = Bounds(seconds=5, max_requests=3, timeout=5, grace=6, flowing_within=5)


def on_loopback(url: str) -> Target:
    """Raises NotAllowedError for anything else."""
    target = Target.at(url)
    if target.address[0] != LOOPBACK:
        raise NotAllowedError(f"{url}: {target.address[0]} is not {LOOPBACK}")
    return target


@dataclass(frozen=True, slots=True)
class Supported:
    """``mix`` has only kinds that are answered; ``missing`` has the others."""

    mix: Mix
    missing: list[Kind]


def supported(target: Target, mix: Mix) -> Supported:
    """A few requests of each kind."""
    missing = []
    for kind, amount in _AMOUNTS.items():
        if not getattr(mix, amount):
            continue
        only = Mix.only(**{amount: _A_SECOND if amount.endswith("_per_s") else 1})
        report = _probe(target, replace(only, **_sizes(mix)))
        if report.failed or not report.records:
            missing.append(kind)
            mix = replace(mix, **{amount: 0})
    return Supported(mix, missing)


def version(target: Target) -> str:
    """That answers a new connection; empty if none does."""
    with closing(Http1Client(target.address[1], target.host)) as client:
        try:
            status, found = client.ask("GET")
        except (OSError, HTTPException):
            return ""
    return found if status == 200 else ""


def answers(target: Target, wanted: str) -> bool:
    """Waits for that version. Some tools end before the application answers."""
    deadline = time.monotonic() + PATIENCE_S
    while version(target) != wanted:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _sizes(mix: Mix) -> dict[str, int]:
    return {
        "long_ms": mix.long_ms,
        "post_bytes": mix.post_bytes,
        "download_bytes": mix.download_bytes,
    }


def _probe(target: Target, mix: Mix) -> Report:
    return asyncio.run(Generator(target, mix, _PROBE, Pace()).run())
