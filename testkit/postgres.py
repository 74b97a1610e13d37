"""A PostgreSQL server of the tests' own: Debian's, on a socket that nobody else reaches."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from sqlalchemy import URL

USER, PASSWORD = "ada", "hunter2/@:%"
_PATIENCE = 60.0
_CURE = "scripts/apt postgresql"


@dataclass(slots=True)
class Server:
    """``folder`` holds its data and its socket."""

    folder: Path
    programs: Path
    owner: str | None
    _process: subprocess.Popen[bytes] | None = field(default=None)

    def url(self, database: str, user: str = USER, password: str = PASSWORD) -> str:
        where = {"host": str(self.folder)}
        url = URL.create("postgresql+psycopg", user, password, database=database, query=where)
        return url.render_as_string(hide_password=False)

    def run(self, statement: str, database: str = "postgres") -> None:
        """As its owner."""
        with self.connected(database) as connection:
            connection.execute(statement.encode())

    @contextmanager
    def connected(self, database: str) -> Iterator[psycopg.Connection]:
        with psycopg.connect(
            host=str(self.folder),
            dbname=database,
            user=USER,
            password=PASSWORD,
            autocommit=True,
        ) as connection:
            yield connection

    def start(self) -> None:
        with (self.folder / "log").open("w") as log:
            self._process = subprocess.Popen(
                [
                    self.programs / "postgres",
                    *("-D", self.folder / "data", "-k", self.folder, "-h", ""),
                    *("-c", "fsync=off", "-c", "max_connections=40", "-c", "shared_buffers=16MB"),
                ],
                user=self.owner,
                group=self.owner,
                extra_groups=[] if self.owner else None,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                self.run("SELECT 1")
            except psycopg.OperationalError:
                assert self._process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < deadline, "PostgreSQL doesn't start"
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        """At once, as a crash of its machine: it recovers by itself."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(_PATIENCE)


@contextmanager
def running() -> Iterator[Server]:
    """Raises LookupError, with the cure, where PostgreSQL isn't installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        raise LookupError(f"PostgreSQL isn't installed\nnext: {_CURE}")
    # It refuses to run as root, and so does everything that it is made with.
    owner = None if os.geteuid() else pwd.getpwnam("postgres").pw_name
    folder = Path(tempfile.mkdtemp(prefix="bgpg-"))
    try:
        if owner:
            shutil.chown(folder, owner, owner)
        server = Server(folder, found[-1].parent, owner)
        _make(server)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def _make(server: Server) -> None:
    secret = server.folder / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    made = subprocess.run(
        [
            server.programs / "initdb",
            *("-D", server.folder / "data", "-U", USER, "--auth=scram-sha-256"),
            *("--pwfile", secret, "--no-sync", "--encoding=UTF8", "--locale=C"),
        ],
        user=server.owner,
        group=server.owner,
        extra_groups=[] if server.owner else None,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
