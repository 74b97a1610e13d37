"""The load generator as a command: ``python -m testkit.load``."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from testkit.checkout import ROOT
from testkit.load.faults import Fault
from testkit.load.faulty import Faulty
from testkit.load_mixes import NEW


def by_hand(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "testkit.load", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_by_hand_it_runs_until_it_is_told_and_prints_a_table(tmp_path: Path) -> None:
    with Faulty.serving(Fault.UNAVAILABLE, every=7) as server:
        options = [*NEW.as_options(), "--out", str(tmp_path / "log")]
        with by_hand(server.url, *options) as process:
            assert process.stdout
            assert process.stdout.readline() == "flowing\n"
            time.sleep(0.2)
            os.kill(process.pid, signal.SIGTERM)
            table, _ = process.communicate(timeout=5)

    assert process.returncode == 1
    assert f"{server.committed} bad_status" in table
    assert "ended by asked" in table


def test_by_hand_it_refuses_other_machines(tmp_path: Path) -> None:
    with by_hand("http://192.0.2.1", "--out", str(tmp_path / "log")) as process:
        _, error = process.communicate(timeout=5)

    assert process.returncode == 2
    assert "neither loopback nor private" in error
