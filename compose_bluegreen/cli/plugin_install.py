"""Registers this plugin with docker: a link to our console script in docker's plugin folder.

A link keeps working after an upgrade, unlike a copy. pip itself cannot put a file there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import typer

from compose_bluegreen import __version__
from compose_bluegreen.domain.errors import BluegreenError, ExitCode

NAME = "docker-bluegreen"
_UV_CACHE = re.compile(r"(archive|builds|environments)-v\d+")
"""Folders of uv's cache: ``uvx`` and ``uv run --with`` run from there. pipx uses ``.cache/pipx``."""


@dataclass(frozen=True, slots=True)
class InstalledPlugin:
    """The plugin as docker lists it. ``problem`` is docker's error message, "" if there is none."""

    path: str
    version: str
    problem: str


def install() -> int:
    script, link = console_script(), link_path()
    if is_short_lived(script):
        raise BluegreenError(
            f"{script} is in a cache; when the cache is cleared, the plugin stops working",
            hint="uv tool install compose-bluegreen (or pipx install), then docker-bluegreen install",
        )
    before = _link_target(link)
    if before != script:
        _link(link, script)
    typer.echo(f"{link} -> {script}{' (unchanged)' if before == script else ''}")
    _verify(link)
    typer.echo("try: docker bluegreen --help")
    return ExitCode.DONE


def uninstall() -> int:
    link = link_path()
    target = _link_target(link)
    if target is None:
        typer.echo(f"{link} is not there")
        return ExitCode.DONE
    if target.name != NAME:
        raise BluegreenError(
            f"{link} links to {target}, which is not compose-bluegreen",
            hint=f"check it, then rm {link}",
        )
    try:
        link.unlink()
    except OSError as error:
        raise BluegreenError(f"can't remove {link}: {error.strerror}") from error
    typer.echo(
        f"{link} removed; docker-bluegreen still works, and docker-bluegreen install adds it again"
    )
    return ExitCode.DONE


def link_path() -> Path:
    config = os.environ.get("DOCKER_CONFIG")
    return (Path(config) if config else Path.home() / ".docker").absolute() / "cli-plugins" / NAME


def console_script() -> Path:
    """Our console script, with links followed. Raises BluegreenError if there is none."""
    for candidate in _candidates():
        if candidate.name == NAME and candidate.is_file() and os.access(candidate, os.X_OK):
            return candidate.resolve()
    raise BluegreenError(
        f"can't find the {NAME} script of this installation", hint="pipx install compose-bluegreen"
    )


def _candidates() -> Iterator[Path]:
    yield Path(sys.argv[0])
    yield Path(sysconfig.get_path("scripts")) / NAME
    if path := shutil.which(NAME):
        yield Path(path)


def is_short_lived(script: Path) -> bool:
    return any(map(_UV_CACHE.fullmatch, script.parts)) or {"pipx", ".cache"} <= set(script.parts)


def plugin_in_docker() -> InstalledPlugin | None:
    """None if docker does not list the plugin. Raises BluegreenError if docker does not answer."""
    try:
        completed = subprocess.run(
            ["docker", "info", "--format", "{{json .ClientInfo.Plugins}}"],
            capture_output=True,
            check=False,
            timeout=60,
        )
        listed = json.loads(completed.stdout or "null") or []
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        raise BluegreenError(
            f"can't ask docker for its plugins: {error}", hint="install Docker's command line"
        ) from error
    for plugin in listed:
        if plugin.get("Name") == "bluegreen":
            return InstalledPlugin(
                plugin.get("Path", ""), plugin.get("Version", ""), plugin.get("Err", "")
            )
    return None


def complaint(installed: InstalledPlugin | None, link: Path) -> str:
    """Why docker does not run this version, "" if it does."""
    if installed is None:
        return f"docker does not list it, although {link} exists"
    if installed.problem:
        return f"docker refuses {installed.path}: {installed.problem}"
    if installed.version != __version__:
        return f"docker runs version {installed.version} at {installed.path}, this is {__version__}"
    return ""


def _verify(link: Path) -> None:
    if problem := complaint(plugin_in_docker(), link):
        raise BluegreenError(
            f"the link exists, but {problem}",
            hint="docker-bluegreen doctor shows where docker looks",
        )


def _link_target(link: Path) -> Path | None:
    """The link's target, None without a link. Raises BluegreenError for a file."""
    if not os.path.lexists(link):
        return None
    if not link.is_symlink():
        raise BluegreenError(
            f"{link} is a file, not a link, so docker-bluegreen does not replace it",
            hint=f"move it away, then {NAME} install",
        )
    target = link.readlink()
    return target if target.is_absolute() else link.parent / target


def _link(link: Path, script: Path) -> None:
    beside = link.with_name(f".{NAME}.{os.getpid()}")
    try:
        link.parent.mkdir(parents=True, exist_ok=True)
        beside.symlink_to(script)
        beside.replace(link)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise BluegreenError(
            f"can't make {link}: {error.strerror}", hint="set DOCKER_CONFIG to a folder of yours"
        ) from error
