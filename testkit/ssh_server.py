"""A server of ssh on loopback, for an engine behind ``ssh://``. Needs root, as it logs root in."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from testkit.delay import delayed
from testkit.stage import Stage, free_port
from testkit.waiting import eventually

HOST = "Bluegreen-Server"
"""An alias that only the client's configuration knows, which has its port, user and key."""


@dataclass(slots=True)
class SshServer:
    """``path`` has the folder of an ``ssh`` that reads the test's configuration, and no person's."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def path(self) -> str:
        return f"{self.folder / 'bin'}:{os.environ['PATH']}"

    @property
    def logins(self) -> int:
        return self._log.read_text(errors="replace").count("Accepted publickey")

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    def start(self, *settings: str) -> None:
        """``settings`` are lines of ``sshd_config``; of two for one key, the first counts."""
        config = self.folder / "sshd_config"
        own = (
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {self.folder}/host_key",
            f"AuthorizedKeysFile {self.folder}/key.pub",
            "StrictModes no",
            "PermitRootLogin yes",
            "PasswordAuthentication no",
            "UsePAM no",
            f"PidFile {self.folder}/pid",
            "LogLevel VERBOSE",
        )
        config.write_text("".join(f"{line}\n" for line in (*settings, *own)))
        Path("/run/sshd").mkdir(exist_ok=True)
        sshd = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
        assert sshd, "sshd is missing; scripts/apt openssh-server"
        self._log.unlink(missing_ok=True)
        self.process = subprocess.Popen((sshd, "-D", "-f", str(config), "-E", str(self._log)))
        eventually(self._listens, "the server of ssh")

    def _listens(self) -> bool:
        return self._log.exists() and b"listening" in self._log.read_bytes()

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)

    def sessions(self) -> list[int]:
        """The processes of those who are logged in."""
        assert self.process
        listed = subprocess.run(
            ("ps", "-o", "pid=", "--ppid", str(self.process.pid)), capture_output=True, check=False
        )
        return [int(word) for word in listed.stdout.split()]

    def signal(self, number: signal.Signals) -> None:
        for session in self.sessions():
            os.kill(session, number)


def use(server: SshServer, stage: Stage, host: str = f"ssh://{HOST}") -> None:
    """Every command of the stage reaches the engine through this server."""
    stage.environment |= {"DOCKER_HOST": host, "PATH": server.path}


@contextmanager
def ssh_server(folder: Path, round_trip: float = 0.0) -> Iterator[SshServer]:
    """``round_trip`` is a delay in seconds, for who connects by the alias."""
    server = SshServer(folder, free_port())
    for name in ("host_key", "key"):
        subprocess.run(
            ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)), check=True
        )
    with delayed(server.port, round_trip) if round_trip else nullcontext(server.port) as port:
        _configure_client(folder, port)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _configure_client(folder: Path, port: int) -> None:
    (folder / "client_config").write_text(
        f"Host {HOST}\n"
        f"  HostName 127.0.0.1\n  Port {port}\n  User root\n"
        "Host *\n"
        f"  IdentityFile {folder}/key\n  IdentitiesOnly yes\n"
        f"  UserKnownHostsFile {folder}/known_hosts\n  StrictHostKeyChecking accept-new\n"
    )
    client = folder / "bin" / "ssh"
    client.parent.mkdir()
    client.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/client_config "$@"\n')
    client.chmod(0o755)
