"""The environment of a shell, and a configuration of docker with this checkout as its plugin."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from testkit.checkout import ROOT

SWITCHES = (
    "VERSION",
    "START_DELAY",
    "NEVER_START",
    "SICK_AFTER",
    "ERRORS",
    "LATENCY",
    "CRASH_AFTER",
    "ON_SIGTERM",
    "PORT",
)


def environment(state: Path) -> dict[str, str]:
    """A shell in which nobody has set anything that Docker, Compose or we listen to, and where Python
    keeps what it compiled, as an installation does."""
    deaf = ("COMPOSE_", "BLUEGREEN_", "DOCKER_CLI_", "PYTHONDONTWRITEBYTECODE")
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(deaf) and name not in SWITCHES
    }
    return clean | {"XDG_STATE_HOME": str(state), "PYTHONPATH": str(ROOT)}


def config_folder(folder: Path, environ: Mapping[str, str]) -> Path:
    """A DOCKER_CONFIG without contexts and ``config.json``, with the plugins of that in ``environ``."""
    folder.mkdir()
    before = Path(environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    (folder / "cli-plugins").symlink_to(before / "cli-plugins")
    return folder


def plugin_folder(folder: Path, compose: Path) -> Path:
    """A DOCKER_CONFIG in which docker finds that Compose, and this checkout as a plugin."""
    plugins = folder / "cli-plugins"
    plugins.mkdir(parents=True)
    (plugins / "docker-compose").symlink_to(compose)
    shim = plugins / "docker-bluegreen"
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m compose_bluegreen "$@"\n')
    shim.chmod(0o755)
    return folder
