"""The journal of history, on a volume of its own beside the proxy's, which outlives the proxy.

It is written through the shell that holds the lock. It is read as an archive from the container,
whether that runs or not, or from the volume where there is no container.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from shlex import quote

from compose_bluegreen.adapters.haproxy.container_spec import JOURNAL
from compose_bluegreen.adapters.haproxy.exec_shell import SessionLost
from compose_bluegreen.adapters.haproxy.proxy_container import ProxyContainer
from compose_bluegreen.adapters.haproxy.proxy_session import ProxySession
from compose_bluegreen.adapters.history.journal_documents import HALF
from compose_bluegreen.adapters.history.journal_files import NOTES, Seen, seen
from compose_bluegreen.domain.errors import ProxyFailed
from compose_bluegreen.domain.hints import Action, Hint

_NONE = "no volume"


class EngineJournal:
    def __init__(self, container: ProxyContainer, session: ProxySession) -> None:
        self._container = container
        self._session = session

    def look(self) -> Seen | None:
        try:
            output = self._shell(
                f"cd {JOURNAL} 2>/dev/null || {{ echo {quote(_NONE)}; exit; }}"
                f"; printf '%s\\n' *; echo /; cat {NOTES} 2>/dev/null || true"
            )
        except SessionLost:
            return self.read()
        if output.strip() == _NONE:
            raise ProxyFailed(
                "the proxy was created by an earlier version, and has no volume for the journal",
                hint=Hint(Action.PROXY_RECREATE),
            )
        files, _, notes = output.partition("/\n")
        return Seen(tuple(files.splitlines()), notes)

    def read(self) -> Seen | None:
        packed = self._container.journal()
        return seen(packed) if packed is not None else None

    def write(self, files: Mapping[str, str], gone: Sequence[str]) -> None:
        words = [f"printf '%s\\n' {quote(text)} >{name}{HALF}" for name, text in files.items()]
        if files:
            words.append(f"sync {' '.join(f'{name}{HALF}' for name in files)}")
        words += [f"mv {name}{HALF} {name}" for name in files]
        if gone:
            words.append(f"rm -f {' '.join(gone)}")
        try:
            self._shell(" && ".join([f"cd {JOURNAL}", *words, f": >{NOTES}"]))
        except SessionLost:
            if self._container.status() == "running":
                raise
            self._container.write_journal({name: f"{text}\n" for name, text in files.items()})

    def set_aside(self, names: Mapping[str, str]) -> None:
        moves = [f"mv {old} {new}" for old, new in names.items()]
        self._shell(" && ".join([f"cd {JOURNAL}", *moves]))

    def note(self, line: str) -> None:
        self._shell(f"printf '%s\\n' {quote(line)} >>{JOURNAL}/{NOTES}")

    def _shell(self, script: str) -> str:
        """In a subshell: its folder and its umask are its own."""
        return self._session.ask(lambda shell: shell.run(f"(umask 077; {script})"))
