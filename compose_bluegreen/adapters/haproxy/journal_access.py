"""The way to the volume that holds the journal of history; what is in its files is not known here."""

from __future__ import annotations

from collections.abc import Mapping

from compose_bluegreen.adapters.haproxy.exec_shell import SessionLost
from compose_bluegreen.adapters.haproxy.proxy_container import ProxyContainer
from compose_bluegreen.adapters.haproxy.proxy_session import ProxySession
from compose_bluegreen.domain.names import JOURNAL_FOLDER


class JournalAccess:
    """Scripts run in the proxy's shell that holds the lock. The volume outlives the container, and
    without one the Docker API reads it and writes to it."""

    folder = JOURNAL_FOLDER

    def __init__(self, container: ProxyContainer, session: ProxySession) -> None:
        self._container = container
        self._session = session

    def run(self, script: str) -> str:
        """The script's output. A subshell keeps what it changes of the shell to itself."""
        return self._session.ask(lambda shell: shell.run(f"(umask 077; {script})"))

    def try_to_run(self, script: str) -> str | None:
        """None where the proxy has no shell."""
        try:
            return self.run(script)
        except SessionLost:
            return None

    def run_or_write(self, script: str, files: Mapping[str, str]) -> None:
        """Runs the script; where the proxy doesn't run, writes these files instead."""
        try:
            self.run(script)
        except SessionLost:
            if self._container.status() == "running":
                raise
            self._container.write_journal(files)

    def archive(self) -> bytes | None:
        """The folder as a tar; None where there is none."""
        return self._container.journal()
