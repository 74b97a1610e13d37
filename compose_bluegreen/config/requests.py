"""Requests: what the user asked of a command, as typed values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from compose_bluegreen.domain.colour import Colour

if TYPE_CHECKING:
    # Not at run time: no command line needs to wait for what stages are made of.
    from compose_bluegreen.config.canary_stages import Stage


class ProxyAct(StrEnum):
    RELOAD = "reload"
    RECREATE = "recreate"
    LOGS = "logs"


class LockAct(StrEnum):
    STATUS = "status"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class ProjectLocation:
    """The project, by the flags of ``docker compose``; with ``database`` None, the environment decides."""

    files: tuple[Path, ...] = ()
    project_name: str | None = None
    env_files: tuple[Path, ...] = ()
    profiles: tuple[str, ...] = ()
    project_directory: Path | None = None
    database: str | None = None

    def refined_by(self, later: ProjectLocation) -> ProjectLocation:
        """Joins the flags before and after the command: lists are joined, of single values the later one
        wins."""
        return ProjectLocation(
            files=self.files + later.files,
            project_name=later.project_name or self.project_name,
            env_files=self.env_files + later.env_files,
            profiles=self.profiles + later.profiles,
            project_directory=later.project_directory or self.project_directory,
            database=later.database or self.database,
        )


@dataclass(frozen=True, slots=True)
class ProxyRequest:
    """``proxy``: ``pull`` belongs to ``recreate``, ``follow`` and ``tail`` belong to ``logs``."""

    act: ProxyAct
    pull: bool = False
    follow: bool = False
    tail: int | None = None
    patience: timedelta | None = None


@dataclass(frozen=True, slots=True)
class UpRequest:
    """``up``: without ``services``, all released services; with ``timeout`` None, that of the file.

    ``together``: services that didn't change are released again with the changed ones.
    ``patience`` is how long to wait for the end of another deployment; None means not at all.
    """

    services: tuple[str, ...] = ()
    image: str | None = None
    build: bool = True
    pull: bool = False
    timeout: timedelta | None = None
    message: str = ""
    dry_run: bool = False
    force: bool = False
    together: bool = False
    hooks: bool = True
    keep_failed: bool = False
    recreate_proxy: bool = False
    take_over: bool = False
    no_switch: bool = False
    patience: timedelta | None = None
    bake: bool = True
    canary: tuple[Stage, ...] | None = None


@dataclass(frozen=True, slots=True)
class PromoteRequest:
    """``promote``: ``timeout`` is how long the new health check of the colour may take."""

    timeout: timedelta | None = None
    patience: timedelta | None = None
    bake: bool = True
    hooks: bool = True


@dataclass(frozen=True, slots=True)
class RollbackRequest:
    """``rollback``: ``to`` None means the newest earlier release that was healthy.

    ``force``: roll back even if an irreversible hook ran since.
    """

    services: tuple[str, ...] = ()
    to: int | None = None
    message: str = ""
    timeout: timedelta | None = None
    dry_run: bool = False
    force: bool = False
    hooks: bool = True
    recreate_proxy: bool = False
    patience: timedelta | None = None


@dataclass(frozen=True, slots=True)
class PruneRequest:
    """``prune``: ``failed`` also removes the containers that ``up --keep-failed`` kept."""

    failed: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class RepairRequest:
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class DownRequest:
    """``patience`` is how long to wait for another deployment of the project; None: not at all."""

    patience: timedelta | None = None


@dataclass(frozen=True, slots=True)
class HistoryRequest:
    """Without a ``service``, the deployments of all services; at most ``limit`` of them."""

    service: str | None = None
    limit: int = 20


@dataclass(frozen=True, slots=True)
class LogsRequest:
    """Without a ``service``, the logs of all services; ``colour`` None means the live colour."""

    service: str | None = None
    colour: Colour | None = None
    follow: bool = False
    tail: int | None = None
