"""A Docker engine of a test's own, in a network namespace of its own: one that may be killed.

Its folders are a temporary one's; the machine's engine, its containers and its iptables chains
are not touched. Needs root, as ``dockerd`` does.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from testkit.waiting import eventually


@dataclass(slots=True)
class OwnEngine:
    """``address`` is where the namespace is reached from outside it; ``host`` for DOCKER_HOST."""

    folder: Path
    namespace: str
    address: str
    options: tuple[str, ...] = ()
    """Further ones of ``dockerd``."""
    _process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def host(self) -> str:
        return f"unix://{self.folder}/docker.sock"

    def start(self) -> None:
        # Not `ip netns exec`: that mounts a /sys of its own, in which dockerd finds no cgroups.
        command = (
            "nsenter",
            f"--net=/var/run/netns/{self.namespace}",
            "dockerd",
            f"--data-root={self.folder}/data",
            f"--exec-root={self.folder}/exec",
            f"--pidfile={self.folder}/docker.pid",
            f"--host={self.host}",
            *self.options,
        )
        with (self.folder / "dockerd.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, start_new_session=True
            )
        try:
            eventually(self.answers, "an engine of the test's own")
        except AssertionError as error:
            error.add_note((self.folder / "dockerd.log").read_text()[-3000:])
            raise

    def answers(self) -> bool:
        return self.docker("version", check=False) == 0

    def end(self, number: signal.Signals) -> None:
        """``nsenter`` became ``dockerd``, so this reaches it; returns when it has gone."""
        assert self._process
        self._process.send_signal(number)
        self._process.wait(60)
        # A killed daemon leaves these behind, and whoever has the numbers now passes for it.
        for left in ("docker.pid", "exec/containerd/containerd.pid"):
            (self.folder / left).unlink(missing_ok=True)

    def kill_containerd(self) -> None:
        """The daemon's own, which it starts again; containers go on under their shims."""
        file = self.folder / "exec" / "containerd" / "containerd.pid"
        before = int(file.read_text())
        os.kill(before, signal.SIGKILL)

        def is_back() -> bool:
            now = file.read_text() if file.exists() else ""
            return now.isdecimal() and int(now) != before and self.answers()

        eventually(is_back, "another containerd")

    def docker(self, *words: str, check: bool = True) -> int:
        return subprocess.run(
            ("docker", "--host", self.host, *words), check=check, capture_output=True, timeout=120
        ).returncode

    def borrow(self, images: Sequence[str]) -> None:
        """Copies images from the machine's engine."""
        with subprocess.Popen(("docker", "save", *images), stdout=subprocess.PIPE) as save:
            load = ("docker", "--host", self.host, "load", "--quiet")
            subprocess.run(load, stdin=save.stdout, check=True, capture_output=True)
        assert save.returncode == 0

    def clear(self) -> None:
        if self._process and self._process.poll() is None:
            with suppress(subprocess.SubprocessError):
                containers = subprocess.run(
                    ("docker", "--host", self.host, "ps", "-aq"),
                    check=False,
                    capture_output=True,
                    text=True,
                    timeout=60,
                ).stdout.split()
                if containers:
                    self.docker("rm", "-fv", *containers, check=False)
            self.end(signal.SIGTERM)


@contextmanager
def own_engine(folder: Path) -> Iterator[OwnEngine]:
    if os.geteuid() != 0 or not shutil.which("dockerd") or not shutil.which("nsenter"):
        pytest.fail("an engine of a test's own needs root, dockerd and nsenter", pytrace=False)
    name = f"bg{secrets.token_hex(3)}"
    inside, outside = _addresses()
    _ip("netns", "add", name)
    engine = OwnEngine(folder, name, inside)
    try:
        _ip("link", "add", f"{name}o", "type", "veth", "peer", "name", f"{name}i", "netns", name)
        _ip("address", "add", f"{outside}/30", "dev", f"{name}o")
        _ip("link", "set", f"{name}o", "up")
        _ip("-n", name, "address", "add", f"{inside}/30", "dev", f"{name}i")
        _ip("-n", name, "link", "set", f"{name}i", "up")
        _ip("-n", name, "link", "set", "lo", "up")
        engine.start()
        yield engine
    finally:
        engine.clear()
        _ip("netns", "delete", name)
        _unmount(folder)


def _addresses() -> tuple[str, str]:
    """Another test's engine may be there."""
    used = subprocess.run(("ip", "-4", "address"), check=True, capture_output=True).stdout.decode()
    free = [third for third in range(1, 251) if f"10.213.{third}." not in used]
    third = secrets.choice(free)
    return f"10.213.{third}.2", f"10.213.{third}.1"


def _ip(*words: str) -> None:
    subprocess.run(("ip", *words), check=True, capture_output=True)


def _unmount(folder: Path) -> None:
    """What a killed daemon left mounted, deepest first: else nobody can remove the folder."""
    mounts = [
        line.split()[1] for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    ]
    for mount in sorted((one for one in mounts if one.startswith(f"{folder}/")), reverse=True):
        subprocess.run(("umount", "--lazy", mount), check=False, capture_output=True)
    shutil.rmtree(folder, ignore_errors=True)
