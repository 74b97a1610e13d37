"""What the user's compose file says, as ``docker compose`` itself resolves it.

Light on purpose: reading history needs no more of Compose than the project's name.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

from compose_bluegreen.config.requests import ProjectLocation
from compose_bluegreen.domain.errors import UsageError
from compose_bluegreen.domain.names import KEY
from compose_bluegreen.domain.release import Model
from compose_bluegreen.runtime.secrets import learn

_PATIENCE = 300.0
"""Seconds: an ``include`` can come from a repository or a registry."""

_PROJECT_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
"""Compose's own rule. The name becomes part of paths and of names on the engine."""


class ConfigReader:
    """``docker compose config`` in the background: it runs while Python imports the rest."""

    def __init__(self, location: ProjectLocation, *options: str) -> None:
        self._location, self._options = location, options
        self._process = subprocess.Popen(
            ["docker", "compose", *_global_flags(location), "config", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # Whatever this machine's locale: Compose speaks UTF-8.
            encoding="utf-8",
            errors="replace",
        )

    def read(self) -> tuple[Model, str]:
        """The resolved file and its name for messages. Raises UsageError.

        As YAML, for the JSON form drops a service's ``x-`` keys.
        """
        from compose_bluegreen.adapters.compose import config_yaml  # noqa: PLC0415 - reading commands do without

        output = self._output()
        model = config_yaml.whole(output)
        if model is None:
            exact = ConfigReader(self._location, *self._options, "--format", "json")
            model = config_yaml.grafted(json.loads(exact._output()), output)
        learn(model)
        return model, self._file()

    def plain(self) -> Model:
        """The whole without services' ``x-`` keys, where ``--format json`` was asked for.

        Raises UsageError.
        """
        model: Model = json.loads(self._output())
        return model

    def _output(self) -> str:
        try:
            output, complaint = self._process.communicate(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate(timeout=_PATIENCE)
            raise UsageError(
                f"docker compose config did not end within {_PATIENCE:g} s",
                hint="does it, typed by hand? It may wait for an include from elsewhere",
            ) from None
        if self._process.returncode:
            raise UsageError(
                "docker compose can't read the project",
                detail=complaint.strip(),
                hint="fix the file, or name the project with -p NAME for commands that only need that",
            )
        return output

    def _file(self) -> str:
        return ", ".join(str(file) for file in self._location.files) or _default_file()


class NameReader:
    """The project's name: from ``-p``, so that a broken file doesn't matter, else from Compose."""

    def __init__(self, location: ProjectLocation) -> None:
        self._name = location.project_name
        self.notify: str | None = None
        """Where notices go by the file, once it is read; it may be no address at all."""
        self._config = None if self._name else ConfigReader(location, "--format", "json")

    def read(self) -> str:
        """Raises UsageError."""
        if self._config:
            model = self._config.plain()
            ours = model.get(KEY)
            notify = ours.get("notify") if isinstance(ours, dict) else None
            self.notify = notify.replace("$$", "$") if isinstance(notify, str) else None
            return str(model["name"])
        name = str(self._name)
        if not _PROJECT_NAME.fullmatch(name):
            raise UsageError(
                f"--project-name {name[:80]!r} can't be a project's name",
                hint="a letter or number first, then lower-case letters, numbers, - and _",
            )
        return name


def _global_flags(location: ProjectLocation) -> list[str]:
    flags = [("--file", str(file)) for file in location.files]
    flags += [("--env-file", str(file)) for file in location.env_files]
    flags += [("--profile", profile) for profile in location.profiles]
    flags += [("--project-name", location.project_name)] if location.project_name else []
    flags += (
        [("--project-directory", str(location.project_directory))]
        if location.project_directory
        else []
    )
    return [word for flag in flags for word in flag]


def folder(location: ProjectLocation) -> Path:
    """The project's, as Compose finds it: from where relative paths in the file go."""
    if location.project_directory:
        return location.project_directory
    named = [str(file) for file in location.files] or _named()
    if named and named[0] != "-":
        return Path(named[0]).absolute().parent
    path = _find_default_file()
    return path.parent if path else Path.cwd()


def _default_file() -> str:
    """The name that Compose would have found, for messages only."""
    if named := os.environ.get("COMPOSE_FILE"):
        return named
    path = _find_default_file()
    return path.name if path else "the compose file"


def _named() -> list[str]:
    separator = os.environ.get("COMPOSE_PATH_SEPARATOR", os.pathsep)
    return [name for name in os.environ.get("COMPOSE_FILE", "").split(separator) if name]


def _find_default_file() -> Path | None:
    names = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
    for directory in (Path.cwd(), *Path.cwd().parents):
        for name in names:
            if (directory / name).exists():
                return directory / name
    return None
