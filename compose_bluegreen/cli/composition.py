"""The only file that imports every adapter: it connects them to the ports.

It starts ``docker compose config`` and git before slow imports, and reads their output afterwards.
"""

from __future__ import annotations

import gc
import getpass
import os
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compose_bluegreen.adapters.compose.client import WhalesCompose
from compose_bluegreen.adapters.compose.config_reader import ConfigReader, folder
from compose_bluegreen.adapters.system.certificates import (
    NO_CERTIFICATES,
    Certificates,
    read_certificates,
)
from compose_bluegreen.adapters.system.children import Children
from compose_bluegreen.adapters.system.clock import SystemClock
from compose_bluegreen.adapters.system.preload import HISTORY, WHALES, ahead, arrived
from compose_bluegreen.adapters.system.private_files import Scratch
from compose_bluegreen.cli import notify as notices
from compose_bluegreen.commands.application import Application
from compose_bluegreen.config.compose_file import Project
from compose_bluegreen.config.project import read
from compose_bluegreen.config.requests import ProjectLocation
from compose_bluegreen.domain.caller import Caller
from compose_bluegreen.domain.names import KEY
from compose_bluegreen.domain.project_ref import ProjectRef
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.system import Observer
from compose_bluegreen.runtime.secrets import conceal
from compose_bluegreen.runtime.state_folder import state_folder

if TYPE_CHECKING:
    from compose_bluegreen.adapters.haproxy.proxy import HaproxyProxy
    from compose_bluegreen.adapters.history.synced_history import JournalledHistory
    from compose_bluegreen.ports.engine_facts import EngineFacts


@dataclass(frozen=True, slots=True)
class ProjectFacts:
    """The project's name, and what else a command knows about the project before it opens it."""

    name: str
    notify: str | None = None
    git_revision: str | None = None
    certificates: Certificates = NO_CERTIFICATES


_GIT_PATIENCE = 10.0
"""Seconds. Without an answer, the deployment is recorded without the revision."""


class ProjectReader:
    """Reads the user's project in the background."""

    def __init__(self, location: ProjectLocation, config: ConfigReader) -> None:
        self._location = location
        self._config = config
        self._git = _git_revision(location.project_directory)

    def read(self) -> tuple[Project, ProjectFacts]:
        """Raises UsageError or BadSetting."""
        project, certificates = read(*self._config.read()), NO_CERTIFICATES
        if (named := project.settings.proxy.certificates) is not None:
            key = f"{project.file}: {KEY}.proxy.certificates"
            certificates = read_certificates(folder(self._location) / named, key)
            project = replace(project, certificates=certificates.digest)
        notify = project.settings.notify
        return project, ProjectFacts(project.name, notify, self._read_git_revision(), certificates)

    def _read_git_revision(self) -> str | None:
        if self._git is None:
            return None
        try:
            output, _ = self._git.communicate(timeout=_GIT_PATIENCE)
        except (OSError, ValueError, subprocess.TimeoutExpired):
            self._git.kill()
            return None
        return output.strip() or None


@contextmanager
def open_application(
    location: ProjectLocation,
    facts: ProjectFacts,
    observer: Observer,
    *,
    acts: bool = True,
    needs_room: bool = False,
) -> Iterator[Application]:
    """An application over this machine's engine, closed at the end. Then the webhook is called.

    A command that only looks (not ``acts``) needs no Compose. ``needs_room`` checks first that
    files can be written.
    """
    from compose_bluegreen.adapters.compose.engine import SdkEngine
    from compose_bluegreen.adapters.connection.client import connect
    from compose_bluegreen.adapters.connection.one_connection import one_connection
    from compose_bluegreen.adapters.haproxy.proxy import HaproxyProxy

    ahead(HISTORY, *([WHALES] if acts else ()))
    with ExitStack() as opened:
        opened.enter_context(one_connection(os.environ, observer.remark))
        api = connect()
        opened.callback(api.close)
        scratch = Scratch(state_folder() / "run")
        opened.callback(scratch.close)
        engine = SdkEngine(api)
        children = Children(scratch, facts.name, engine.identity, observer.remark)
        compose = WhalesCompose(location, facts.name, scratch, children)
        proxy = HaproxyProxy(facts.name, api, compose, facts.certificates)
        opened.callback(proxy.close)
        proxy.warm_up()  # starting a shell in a container takes as long as the next import

        arrived(HISTORY)
        from compose_bluegreen.adapters.compose.guarded import GuardedWorkloads
        from compose_bluegreen.adapters.compose.runner import HookRunner
        from compose_bluegreen.adapters.system.hook_trust import Trust
        from compose_bluegreen.adapters.system.seen_powers import SeenPowers

        _collect_garbage_again()
        trusted = state_folder() / "trusted"
        trust = Trust(trusted / "host-hooks", os.environ)
        runner = HookRunner(api, compose, scratch, trust, children, folder(location))
        ref = ProjectRef(engine.identity(), facts.name)
        history = opened.enter_context(_open_history(location, ref, proxy, observer))
        application = Application(
            Context(
                ref=ref,
                caller=Caller(_actor(), facts.git_revision),
                workloads=GuardedWorkloads(compose, proxy.lock.assure).as_workloads,
                engine=engine,
                proxy=proxy,
                runner=runner,
                powers=SeenPowers(trusted / "powers", facts.name),
                history=history,
                lock=history,
                clock=SystemClock(),
                observer=observer,
            )
        )
        if address := notices.webhook_address(os.environ, facts.notify, observer):
            conceal(address)
            opened.callback(notices.send, _webhook(address), application.ended, history, observer)
        if needs_room:
            scratch.prove()
        yield application


@contextmanager
def reached_engine(
    remark: Callable[[str], None],
) -> Iterator[tuple[str, Callable[[], EngineFacts]]]:
    """The connection of a command. Yields what the engine is called, as in ``context default``, and what
    asks it for facts by the docker SDK. Both raise UsageError and EngineUnreachable."""
    from compose_bluegreen.adapters.connection.client import connect
    from compose_bluegreen.adapters.connection.facts import engine_facts
    from compose_bluegreen.adapters.connection.one_connection import one_connection

    with one_connection(os.environ, remark) as endpoint:

        def ask() -> EngineFacts:
            with closing(connect()) as api:
                return engine_facts(api, is_here=endpoint.is_here)

        yield endpoint.name, ask


@contextmanager
def _open_history(
    location: ProjectLocation, ref: ProjectRef, proxy: HaproxyProxy, observer: Observer
) -> Iterator[JournalledHistory]:
    """The database, and the journal on the engine that it is kept equal to."""
    from compose_bluegreen.adapters.history import Scope, open_history
    from compose_bluegreen.adapters.history.journal_volume import VolumeJournal
    from compose_bluegreen.adapters.history.synced_history import JournalledHistory

    with open_history(location.database, os.environ, Scope(ref.engine, ref.name)) as database:
        journal = VolumeJournal(proxy.journal_access)
        yield JournalledHistory(database, journal, proxy.lock, observer.remark)


def _webhook(address: str) -> notices.Send:
    def send(notification: Mapping[str, Any]) -> str:
        from compose_bluegreen.adapters.system.webhook import Webhook

        return Webhook(address).send(notification)

    return send


def _collect_garbage_again() -> None:
    """``__main__`` disabled it for the imports. In another process this changes nothing."""
    if not gc.isenabled():
        gc.freeze()  # imported modules stay
        gc.enable()  # builds and long waits follow


def _actor() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    # Both may contain bytes that are not UTF-8, and the history stores UTF-8 only.
    return f"{user}@{socket.gethostname()}".encode(errors="replace").decode()


def _git_revision(folder: Path | None) -> subprocess.Popen[str] | None:
    try:
        return subprocess.Popen(
            ["git", "rev-parse", "--short=12", "HEAD"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            errors="replace",
        )
    except OSError:
        return None
