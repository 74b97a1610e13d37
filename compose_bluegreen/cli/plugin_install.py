"""Where docker looks for this plugin: a link in its folder to our console script.

A link and not a copy, for it survives an upgrade; pip itself can't put a file there.
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
"""Folders of uv's cache, from which ``uvx`` and ``uv run --with`` run; pipx run has ``.cache/pipx``."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The plugin as docker finds it; ``problem`` is docker's own word, "" if it is content."""

    path: str
    version: str
    problem: str


def install() -> int:
    script, link = console_script(), link_path()
    if is_short_lived(script):
        raise BluegreenError(
            f"{script} is in a cache that goes away, and the plugin with it",
            hint="uv tool install compose-bluegreen (or pipx install), then docker-bluegreen install",
        )
    before = _link_target(link)
    if before != script:
        _link(link, script)
    typer.echo(f"{link} -> {script}{' (as it was)' if before == script else ''}")
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
            f"{link} leads to {target}, which isn't ours", hint=f"look at it, then rm {link}"
        )
    try:
        link.unlink()
    except OSError as error:
        raise BluegreenError(f"can't remove {link}: {error.strerror}") from error
    typer.echo(f"{link} removed; docker-bluegreen works without it, and installs it again")
    return ExitCode.DONE


def link_path() -> Path:
    config = os.environ.get("DOCKER_CONFIG")
    return (Path(config) if config else Path.home() / ".docker").absolute() / "cli-plugins" / NAME


def console_script() -> Path:
    """The script that runs us, with links followed. Raises BluegreenError if there is none."""
    for candidate in _candidates():
        if candidate.name == NAME and candidate.is_file() and os.access(candidate, os.X_OK):
            return candidate.resolve()
    raise BluegreenError(
        f"can't find the {NAME} script of this installation", hint="pipx install compose-bluegreen"
    )


def _candidates() -> Iterator[Path]:
    yield Path(sys.argv[0])
    yield Path(sysconfig.get_path("scripts")) / NAME
    if found := shutil.which(NAME):
        yield Path(found)


def is_short_lived(script: Path) -> bool:
    return any(map(_UV_CACHE.fullmatch, script.parts)) or {"pipx", ".cache"} <= set(script.parts)


def as_docker_sees_us() -> Seen | None:
    """None where docker doesn't list us at all. Raises BluegreenError if docker can't be asked."""
    try:
        asked = subprocess.run(
            ["docker", "info", "--format", "{{json .ClientInfo.Plugins}}"],
            capture_output=True,
            check=False,
            timeout=60,
        )
        listed = json.loads(asked.stdout or "null") or []
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        raise BluegreenError(
            f"docker can't be asked: {error}", hint="install Docker's command line"
        ) from error
    for one in listed:
        if one.get("Name") == "bluegreen":
            return Seen(one.get("Path", ""), one.get("Version", ""), one.get("Err", ""))
    return None


def complaint(seen: Seen | None, link: Path) -> str:
    """What is wrong with how docker sees us, "" if nothing is."""
    if seen is None:
        return f"docker doesn't list it, though {link} is there"
    if seen.problem:
        return f"docker refuses {seen.path}: {seen.problem}"
    if seen.version != __version__:
        return f"docker runs version {seen.version} at {seen.path}, this is {__version__}"
    return ""


def _verify(link: Path) -> None:
    if said := complaint(as_docker_sees_us(), link):
        raise BluegreenError(
            f"the link is made, but {said}", hint="docker-bluegreen doctor says where docker looks"
        )


def _link_target(link: Path) -> Path | None:
    """Where it leads, None if it isn't there. Raises BluegreenError for what is no link."""
    if not os.path.lexists(link):
        return None
    if not link.is_symlink():
        raise BluegreenError(
            f"{link} is a file and no link: it isn't ours to touch",
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
