"""Python processes that begin at the same moment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable

from testkit.checkout import ROOT

_READY = "print('ready', flush=True)\nsys.stdin.readline()\n"


def run_at_once(setup: str, scripts: Iterable[str], argument: str) -> list[tuple[int, str]]:
    """Exit code and stderr of each. All have run ``setup`` before the first runs its script."""
    running = [_begun(setup, script, argument) for script in scripts]
    for each in running:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n", each.communicate()
    for each in running:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    ended = [each.communicate(timeout=60) for each in running]
    return [(each.returncode, err) for each, (_, err) in zip(running, ended, strict=True)]


def _begun(setup: str, script: str, argument: str) -> subprocess.Popen[str]:
    code = f"import os, signal, sys\n{setup}{_READY}{script}"
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, argument],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
