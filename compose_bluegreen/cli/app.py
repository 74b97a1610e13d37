"""The command line: one group, whose commands are the files that ``COMMANDS`` names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Annotated, Any

import typer

from compose_bluegreen import __version__
from compose_bluegreen.cli.invocation import Execute, Invocation, with_project_flags
from compose_bluegreen.cli.options import (
    Database,
    EnvFiles,
    Files,
    Profiles,
    ProjectDirectory,
    ProjectName,
    location_flags,
)
from compose_bluegreen.cli.verb import Verb
from compose_bluegreen.domain.errors import ExitCode

COMMANDS = (
    "up",
    "rollback",
    "history",
    "show",
    "status",
    "repair",
    "logs",
    "down",
    "resume",
    "promote",
    "abort",
    "lock",
    "prune",
    "proxy",
    "install",
    "uninstall",
    "doctor",
)
"""In the order of the help. Each is a file of this folder with a ``VERB``."""

_STYLE: dict[str, Any] = {"add_completion": False, "rich_markup_mode": None}
_CONTEXT = {"help_option_names": ["--help", "-h"], "max_content_width": 100}


def build_app(execute: Execute) -> Any:
    """Typer's command group; ``execute`` makes the one call that a command line asks for."""
    app = typer.Typer(name="bluegreen", context_settings=_CONTEXT, **_STYLE)

    @app.callback(invoke_without_command=True)
    def bluegreen(  # noqa: PLR0913, PLR0917 - one parameter a flag
        context: typer.Context,
        file: Files = None,
        project_name: ProjectName = None,
        env_file: EnvFiles = None,
        profile: Profiles = None,
        project_directory: ProjectDirectory = None,
        database: Database = None,
        version: Annotated[bool, typer.Option("--version", "-v", help="Show the version.")] = False,
    ) -> int:
        """Release Docker Compose services blue/green: no request lost, one command to roll back."""
        location = location_flags(
            file, project_name, env_file, profile, project_directory, database
        )
        context.obj = Invocation(location, execute)
        if version:
            typer.echo(f"compose-bluegreen {__version__}")
            raise typer.Exit
        if context.invoked_subcommand is None:
            typer.echo(context.get_help())
        return ExitCode.DONE

    group: Any = typer.main.get_command(app)
    group.commands = _CommandFiles()
    return group


class _CommandFiles(Mapping[str, Any]):
    """Name to Typer command. A command line imports and builds its own command only."""

    def __getitem__(self, name: str) -> Any:
        if name not in COMMANDS:
            raise KeyError(name)
        verb: Verb = import_module(f"compose_bluegreen.cli.{name}").VERB
        alone = typer.Typer(**_STYLE)
        bound = with_project_flags(verb.function) if verb.of_a_project else verb.function
        alone.command(name, epilog=verb.epilog)(bound)
        return typer.main.get_command(alone)

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)
