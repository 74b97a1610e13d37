"""Checks of this machine: docker, the plugin, the engine, compose and the state folder."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import typer

from compose_bluegreen.cli import composition, plugin_install
from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.cli.terminal import clean, terminal_of
from compose_bluegreen.domain.errors import BluegreenError, ExitCode
from compose_bluegreen.domain.names import LABEL
from compose_bluegreen.domain.states import Outcome
from compose_bluegreen.runtime.state_folder import state_folder

OLDEST_COMPOSE = (2, 20)


@dataclass(frozen=True, slots=True)
class Finding:
    """``remedy`` "" means that the check passed."""

    fact: str
    remedy: str = ""


def check_machine() -> int:
    """Prints each finding at once, because the next check may be slow."""
    terminal = terminal_of(sys.stdout)
    well = True
    for finding in _findings():
        mark = terminal.mark(Outcome.FAILED if finding.remedy else Outcome.DONE)
        typer.echo(f"{mark} {clean(finding.fact)}")
        if finding.remedy:
            typer.echo(f"  next: {finding.remedy}")
            well = False
    return ExitCode.DONE if well else ExitCode.FAILED


def _findings() -> Iterator[Finding]:
    yield from _client()
    yield from _plugin()
    remarks: list[str] = []
    try:
        # The connection that commands use, for docker and for the docker SDK.
        with composition.reached_engine(remarks.append) as name:
            yield from map(Finding, remarks)
            yield from _engine(name)
            yield from _compose()
            yield from _proxies()
    except BluegreenError as error:
        cause = f": {error.detail}" if error.detail else ""
        yield Finding(f"engine: {error.message}{cause}", hint_text(error.hint))
    yield from _state()


def _client() -> Iterator[Finding]:
    path = shutil.which("docker")
    if path is None:
        yield Finding("no docker command in PATH", "install Docker's command line")
    else:
        yield Finding(f"docker command: {path}")


def _plugin() -> Iterator[Finding]:
    link = plugin_install.link_path()
    try:
        installed = plugin_install.plugin_in_docker()
    except BluegreenError as error:
        yield Finding(f"plugin: {error.message}", hint_text(error.hint))
        return
    problem = plugin_install.complaint(installed, link)
    if not problem:
        yield Finding(f"plugin: docker finds {installed.path if installed else link}")
        return
    if not os.path.lexists(link):
        problem = f"nothing at {link}"
    elif not link.exists():
        problem = f"{link} leads nowhere"
    yield Finding(f"plugin: {problem}", "docker-bluegreen install")


def _engine(endpoint: str) -> Iterator[Finding]:
    answer, error = _ask("docker", "version", "--format", "{{json .}}")
    try:
        versions: dict[str, Any] = json.loads(answer)
    except ValueError:
        versions = {}
    server = versions.get("Server")
    if not server:
        yield Finding(
            f"engine ({endpoint}): {error or 'no answer'}",
            "start it, or choose another with docker context use; are you in the group docker?",
        )
        return
    composition.engine_version()  # the docker SDK may fail where docker does not
    yield Finding(f"engine ({endpoint}): {server['Version']}")


def _compose() -> Iterator[Finding]:
    answer, error = _ask("docker", "compose", "version", "--short")
    oldest = ".".join(map(str, OLDEST_COMPOSE))
    remedy = f"install the Compose plugin, {oldest} or newer"
    numbers = re.match(r"v?(\d+)\.(\d+)", answer)
    if numbers is None:
        yield Finding(f"compose: {error or 'docker compose is not there'}", remedy)
        return
    old = tuple(map(int, numbers.groups())) < OLDEST_COMPOSE
    yield Finding(f"compose: {answer}", remedy if old else "")


def _proxies() -> Iterator[Finding]:
    """The version of each proxy and the age of its image: security updates come with a new image."""
    names = []
    for role in ("proxy", "haproxy"):
        labelled = f"label={LABEL}.role={role}"
        listed, _ = _ask("docker", "ps", "--all", "--filter", labelled, "--format", "{{.Names}}")
        names += listed.split()
    for name in sorted(names):
        image, _ = _ask("docker", "inspect", "--format", "{{.Image}}", name)
        built, _ = _ask("docker", "image", "inspect", "--format", "{{.Created}}", image)
        version, _ = _ask("docker", "exec", name, "haproxy", "-v")
        program = re.match(r"HAProxy version (\S+)", version)
        if built:
            runs = f"HAProxy {program[1]}, " if program else ""
            yield Finding(f"{name}: {runs}its image was built {_age(built, datetime.now(UTC))}")


def _age(built: str, now: datetime) -> str:
    day = datetime.fromisoformat(built)
    days = (now - day).days
    return f"on {day:%Y-%m-%d}, {days} {'day' if days == 1 else 'days'} ago"


def _state() -> Iterator[Finding]:
    folder = state_folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        proof = folder / f".doctor-{os.getpid()}"
        proof.touch()
        proof.unlink()
    except OSError as error:
        yield Finding(
            f"history: can't write to {folder}: {error.strerror}",
            "set XDG_STATE_HOME to a folder of yours",
        )
        return
    yield Finding(f"history: {folder} can be written to")


def _ask(*command: str) -> tuple[str, str]:
    """The command's stdout, and the first line of its stderr."""
    try:
        completed = subprocess.run(
            command,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return "", str(error)
    error_lines = completed.stderr.strip().splitlines()
    return completed.stdout.strip(), error_lines[0] if error_lines else ""
