"""Starts to read a project in the background, before slower imports.

``docker compose config`` takes longer than any import, so a command starts it first and imports
what it needs while Compose reads the file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from compose_bluegreen.adapters.compose.config_reader import ConfigReader, NameReader
from compose_bluegreen.cli.progress import Face, observer
from compose_bluegreen.config.requests import ProjectLocation

if TYPE_CHECKING:
    from compose_bluegreen.adapters.history import SqlHistory
    from compose_bluegreen.adapters.history.synced_reader import FollowingHistory
    from compose_bluegreen.cli.composition import Outside, ProjectReader


def start_reading(where: ProjectLocation) -> ProjectReader:
    """The whole compose file."""
    config = ConfigReader(where)
    from compose_bluegreen.adapters.compose import engine  # noqa: F401 - while Compose reads
    from compose_bluegreen.cli import composition

    return composition.ProjectReader(where, config)


def start_reading_name(where: ProjectLocation) -> NameReader:
    """Only the project's name, and where its notifications go."""
    return NameReader(where)


@contextmanager
def named_project(
    where: ProjectLocation,
    name: NameReader,
    progress: Face,
    *,
    acts: bool = True,
    notifies: bool = False,
) -> Iterator[Outside]:
    """The outside of a command that needs only the project's name from the compose file.

    With ``notifies`` the webhook in the file gets a report when a deployment ends.
    """
    from compose_bluegreen.cli import composition

    project, reports = name.read(), observer(progress)
    notify = name.notify if notifies else None
    with composition.outside(where, project, reports, notify=notify, acts=acts) as out:
        yield out


@contextmanager
def stored_history(where: ProjectLocation) -> Iterator[tuple[SqlHistory | FollowingHistory, str]]:
    """The deployments of a project and its name. Works while Docker is down, too."""
    from compose_bluegreen.adapters.history.journal_reader import IdentityReader, JournalReader
    from compose_bluegreen.adapters.system.preload import HISTORY, ahead, arrived

    identity, name = IdentityReader(), NameReader(where)
    ahead(HISTORY)
    project = name.read()
    journal, engine = JournalReader(project), identity.read()
    arrived(HISTORY)
    from compose_bluegreen.adapters.history import Scope, open_history, synced_reader

    remark = observer(Face.PLAIN).remark
    with open_history(where.database, os.environ, Scope(engine, project)) as records:
        if engine is None:
            remark("the engine doesn't answer: this is what was known here")
            yield records, project
        else:
            yield synced_reader.FollowingHistory(records, journal, remark), project
