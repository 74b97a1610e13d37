"""The load as a process of its own beside a test, so that neither slows the other's clock."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from testkit.checkout import ROOT
from testkit.load.mix import Bounds, Mix
from testkit.load.record import Stop
from testkit.load.report import Report


class LoadError(Exception):
    """The load did not flow as long as it was wanted, so that it proves nothing."""


class Load:
    """`with Load.running(url, log=path) as load:`, and afterwards `load.report()`."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, bounds: Bounds) -> None:
        self._process = process
        self._log = log
        self._bounds = bounds
        self._report: Report | None = None

    @classmethod
    @contextmanager
    def running(
        cls, url: str, *, log: Path, mix: Mix | None = None, bounds: Bounds | None = None
    ) -> Iterator["Load"]:
        """Enters once each kind of the mix was answered well, leaves once all in flight is over.

        Raises LoadError if that never happens, or if the load ended before it was asked to.
        """
        mix, bounds = mix or Mix(), bounds or Bounds()
        options = [*mix.as_options(), *bounds.as_options()]
        command = [sys.executable, "-m", "testkit.load", url, "--out", str(log.resolve())]
        with subprocess.Popen(
            [*command, "--until-eof", *options],
            cwd=ROOT,
            stdin=subprocess.PIPE,  # held open by us, so that the load ends with us
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
        ) as process:
            load = cls(process, log, bounds)
            try:
                load._await_flow()
                yield load
            except BaseException:
                load._end()
                raise
            load._read(load._end())

    @staticmethod
    def mark() -> float:
        """Now, on the clock of the records."""
        return time.monotonic()

    def report(self) -> Report:
        assert self._report, "the report is there once the load has ended"
        return self._report

    def _await_flow(self) -> None:
        stdout: IO[bytes] | None = self._process.stdout
        assert stdout
        line = stdout.readline()  # bounded: the load itself gives up when it does not flow
        if line != b"flowing\n":
            raise LoadError(f"the load does not flow:\n{line.decode()}{self._end()}")

    def _end(self) -> str:
        """Ask it to end, and wait until what is in flight is over. What it said."""
        if self._process.stdout and self._process.stdout.closed:
            return ""
        try:
            said, _ = self._process.communicate(timeout=self._bounds.grace + 30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            said, _ = self._process.communicate()
        return said.decode()

    def _read(self, said: str) -> None:
        if self._process.returncode not in {0, 1} or not self._log.exists():
            raise LoadError(f"the load broke, exit code {self._process.returncode}:\n{said}")
        self._report = Report.read(self._log)
        if self._report.stopped_by is not Stop.ASKED:
            raise LoadError(f"the load ended too soon, by {self._report.stopped_by}:\n{said}")
