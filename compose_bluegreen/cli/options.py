"""The options that commands share. Each command of a project has compose's own options too."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from compose_bluegreen.cli.progress import ProgressFormat
from compose_bluegreen.config.requests import ProjectLocation
from compose_bluegreen.domain import durations
from compose_bluegreen.domain.errors import UsageError

if TYPE_CHECKING:
    from datetime import timedelta

    from compose_bluegreen.config.canary_stages import Stage


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"


_FILE_HELP = "Compose file. May be repeated, as in docker compose."

Files = Annotated[list[Path] | None, typer.Option("--file", "-f", metavar="FILE", help=_FILE_HELP)]
LongFiles = Annotated[list[Path] | None, typer.Option("--file", metavar="FILE", help=_FILE_HELP)]
ProjectName = Annotated[
    str | None, typer.Option("--project-name", "-p", metavar="NAME", help="Project name.")
]
EnvFiles = Annotated[
    list[Path] | None,
    typer.Option("--env-file", metavar="FILE", help="Environment file. May be repeated."),
]
Profiles = Annotated[
    list[str] | None,
    typer.Option("--profile", metavar="NAME", help="Profile to enable. May be repeated."),
]
ProjectDirectory = Annotated[
    Path | None,
    typer.Option(
        "--project-directory", metavar="DIR", help="Directory that relative paths start from."
    ),
]
Database = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="URL",
        help="File or URL of the history. Default: BLUEGREEN_DATABASE_URL, or the state folder.",
    ),
]


# Hidden in the list of options, where Typer would add a Python type. The usage line shows them.
Services = Annotated[list[str] | None, typer.Argument(metavar="SERVICE", hidden=True)]
Service = Annotated[str | None, typer.Argument(metavar="SERVICE", hidden=True)]
Timeout = Annotated[
    str | None,
    typer.Option(
        metavar="DURATION",
        help="How long the new colour may take to become healthy, such as 1m30s.",
    ),
]
Message = Annotated[
    str, typer.Option("--message", "-m", metavar="TEXT", help="Note to store in the history.")
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Print the plan with the cause of each step, without running it."
    ),
]
KeepFailed = Annotated[
    bool,
    typer.Option("--keep-failed", help="Keep the image of a failed deployment for inspection."),
]
Canary = Annotated[
    str | None,
    typer.Option(
        metavar="STEPS",
        help="Move traffic in steps first, such as 5%:1m,25%:5m. off: switch at once.",
    ),
]
NoBake = Annotated[
    bool,
    typer.Option("--no-bake", help="Skip the bake."),
]
Hooks = Annotated[bool, typer.Option("--no-hooks", help="Skip all hooks.")]
RecreateProxy = Annotated[
    bool,
    typer.Option(
        "--recreate-proxy", help="Allow a new proxy container, which causes a short downtime."
    ),
]
Wait = Annotated[
    str | None,
    typer.Option(
        metavar="DURATION",
        help="Wait this long for a running deployment to end, such as 5m.",
    ),
]
Progress = Annotated[ProgressFormat, typer.Option(help="Progress output on stderr.")]
Output = Annotated[
    Format, typer.Option("--format", help="Output format: a table for people, JSON for programs.")
]


def location_flags(
    file: Files = None,
    project_name: ProjectName = None,
    env_file: EnvFiles = None,
    profile: Profiles = None,
    project_directory: ProjectDirectory = None,
    database: Database = None,
) -> ProjectLocation:
    return ProjectLocation(
        files=tuple(file or ()),
        project_name=project_name,
        env_files=tuple(env_file or ()),
        profiles=tuple(profile or ()),
        project_directory=project_directory,
        database=database,
    )


def duration(flag: str, text: str | None) -> timedelta | None:
    """None stays None. Raises UsageError, which names the option and the correction."""
    if text is None:
        return None
    try:
        return durations.parse(text)
    except ValueError as error:
        raise UsageError(f"{flag}: {error}") from error


def stages(flag: str, text: str | None) -> tuple[Stage, ...] | None:
    """None stays None. Raises UsageError for wrong steps of a canary."""
    if text is None:
        return None
    from compose_bluegreen.config import canary_stages

    try:
        return canary_stages.parse(text)
    except ValueError as error:
        raise UsageError(f"{flag}: {error}") from error
