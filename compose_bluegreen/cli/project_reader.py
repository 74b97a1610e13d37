"""Starts to read a project in the background, before slower imports.

``docker compose config`` takes longer than any import, so a command starts it first and imports
what it needs while Compose reads the file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING

from compose_bluegreen.adapters.compose.config_reader import ConfigReader, NameReader
from compose_bluegreen.cli.progress import ProgressFormat, observer
from compose_bluegreen.commands.preparation import prepare
from compose_bluegreen.commands.records import DeploymentRecords
from compose_bluegreen.config.requests import ProjectLocation
from compose_bluegreen.domain.errors import EngineUnreachable

if TYPE_CHECKING:
    from compose_bluegreen.commands.application import Application
    from compose_bluegreen.config.compose_file import Project
    from compose_bluegreen.ports.system import Observer


@contextmanager
def read_application(
    location: ProjectLocation, command: str, reports: Observer, *, needs_room: bool = False
) -> Iterator[tuple[Application, Project]]:
    """For a command that needs the whole compose file."""
    config = ConfigReader(location)
    from compose_bluegreen.adapters.compose import engine  # noqa: F401 - while Compose reads
    from compose_bluegreen.cli import composition

    reader = composition.ProjectReader(location, config)
    prepare(command)
    project, facts = reader.read()
    with composition.open_application(
        location, facts, reports, needs_room=needs_room
    ) as application:
        yield application, project


@contextmanager
def named_application(
    location: ProjectLocation,
    command: str,
    reports: Observer,
    *,
    acts: bool = True,
    notifies: bool = False,
    needs_room: bool = False,
) -> Iterator[Application]:
    """For a command that needs only the project's name from the compose file.

    With ``notifies`` the webhook in the file gets a report when a deployment ends.
    """
    name = NameReader(location)
    from compose_bluegreen.cli import composition

    prepare(command)
    project = name.read()
    facts = composition.ProjectFacts(project, name.notify if notifies else None)
    with composition.open_application(
        location, facts, reports, acts=acts, needs_room=needs_room
    ) as application:
        yield application


@contextmanager
def stored_records(location: ProjectLocation) -> Iterator[DeploymentRecords]:
    """The deployments of a project. Works while Docker is down, too."""
    from compose_bluegreen.adapters.history.journal_reader import IdentityReader, JournalReader
    from compose_bluegreen.adapters.system.preload import HISTORY, ahead, arrived

    remark = observer(ProgressFormat.PLAIN).remark
    name = NameReader(location)
    with ExitStack() as opened:
        answers = _reached(opened, remark)
        identity = IdentityReader() if answers else None
        ahead(HISTORY)
        project = name.read()
        journal = JournalReader(project, lambda: _journal_volume(project)) if answers else None
        engine = identity.read() if identity else None
        arrived(HISTORY)
        from compose_bluegreen.adapters.history import Scope, open_history, synced_reader

        records = opened.enter_context(
            open_history(location.database, os.environ, Scope(engine, project))
        )
        if engine is None or journal is None:
            if not records.newest(project, limit=1):
                raise EngineUnreachable(
                    f"the engine doesn't answer, and nothing is known here of {project}",
                    hint="docker info tells more",
                )
            remark("the engine doesn't answer: this is what was known here")
            yield DeploymentRecords(records, project)
        else:
            synced = synced_reader.FollowingHistory(records, journal, remark)
            yield DeploymentRecords(synced, project)


def _reached(opened: ExitStack, remark: Callable[[str], None]) -> bool:
    from compose_bluegreen.adapters.connection.one_connection import one_connection

    try:
        opened.enter_context(one_connection(os.environ, remark))
    except EngineUnreachable as error:
        remark(f"{error.message}: {error.detail}" if error.detail else error.message)
        return False
    return True


def _journal_volume(project: str) -> bytes | None:
    """The journal on its volume, as a tar, where there is no container of the proxy."""
    from compose_bluegreen.adapters.connection.client import connect
    from compose_bluegreen.adapters.haproxy.proxy_container import ProxyContainer

    with closing(connect()) as api:
        return ProxyContainer(project, api).journal()
