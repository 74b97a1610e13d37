"""What a person asked for, once the command line is understood. Pure."""

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
    """Which project, in compose's own words; ``database`` None leaves it to the environment."""

    files: tuple[Path, ...] = ()
    project_name: str | None = None
    env_files: tuple[Path, ...] = ()
    profiles: tuple[str, ...] = ()
    project_directory: Path | None = None
    database: str | None = None

    def refined_by(self, later: ProjectLocation) -> ProjectLocation:
        """Flags before and after the command: lists add up, of single values the later one wins."""
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
    """``proxy``: ``pull`` is for ``recreate``, ``follow`` and ``tail`` are for ``logs``."""

    act: ProxyAct
    pull: bool = False
    follow: bool = False
    tail: int | None = None
    patience: timedelta | None = None


@dataclass(frozen=True, slots=True)
class UpRequest:
    """``up``: no ``services`` means all that opted in, ``timeout`` None what the file says.

    ``together``: what didn't change is released anew beside what did.
    ``patience`` is how long to wait for another deployment of the project; None: not at all.
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
    """``promote``: ``timeout`` is how long the colour may take to be proven anew."""

    timeout: timedelta | None = None
    patience: timedelta | None = None
    bake: bool = True
    hooks: bool = True


@dataclass(frozen=True, slots=True)
class RollbackRequest:
    """``rollback``: ``to`` None means the newest earlier release that was well.

    ``force``: also past what can't be taken back.
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
    """``prune``: ``failed`` also lets go of what ``up --keep-failed`` kept."""

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
