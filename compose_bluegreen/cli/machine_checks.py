"""Checks of this machine: docker, the plugin, the engine, compose and the state folder."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

import typer

from compose_bluegreen.cli import composition, plugin_install
from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.cli.options import Format
from compose_bluegreen.cli.terminal import clean, terminal_of
from compose_bluegreen.domain.address_pools import MORE_RANGES
from compose_bluegreen.domain.errors import BluegreenError, ExitCode
from compose_bluegreen.domain.names import LABEL
from compose_bluegreen.domain.states import Outcome
from compose_bluegreen.ports.engine_facts import EngineFacts
from compose_bluegreen.runtime.state_folder import state_folder

OLDEST_COMPOSE = (2, 20)


OLDEST_ENGINE = (20, 10)

_CLOCKS = timedelta(seconds=5)
"""By which two clocks may differ before the times in history are in doubt."""

_NETWORKS = 3
"""Of each project."""

_ROOM = 2 * 1024**3
"""Bytes: two releases of an application with a large image."""


@dataclass(frozen=True, slots=True)
class Finding:
    """``remedy`` "" means that the check passed."""

    check: str
    fact: str
    remedy: str = ""

    @property
    def is_well(self) -> bool:
        return not self.remedy


def check_machine(output_format: Format) -> int:
    """In a table, each finding is printed at once, because the next check may be slow."""
    findings = []
    for finding in _findings():
        findings.append(finding)
        if output_format is Format.TABLE:
            _show(finding)
    is_well = all(finding.is_well for finding in findings)
    if output_format is Format.JSON:
        found = [{**asdict(finding), "ok": finding.is_well} for finding in findings]
        typer.echo(json.dumps({"ok": is_well, "findings": found}, indent=2))
    return ExitCode.DONE if is_well else ExitCode.FAILED


def _show(finding: Finding) -> None:
    mark = terminal_of(sys.stdout).mark(Outcome.DONE if finding.is_well else Outcome.FAILED)
    typer.echo(f"{mark} {clean(finding.fact)}")
    if finding.remedy:
        typer.echo(f"  next: {finding.remedy}")


def _findings() -> Iterator[Finding]:
    yield from _client()
    yield from _plugin()
    remarks: list[str] = []
    try:
        # The connection that commands use, for docker and for the docker SDK.
        with composition.reached_engine(remarks.append) as (name, ask):
            yield from (Finding("engine", remark) for remark in remarks)
            yield from _engine(name, ask)
            yield from _compose()
            yield from _buildx()
            yield from _proxies()
    except BluegreenError as error:
        cause = f": {error.detail}" if error.detail else ""
        yield Finding("engine", f"engine: {error.message}{cause}", hint_text(error.hint))
    yield from _state()


def _client() -> Iterator[Finding]:
    path = shutil.which("docker")
    if path is None:
        yield Finding("docker", "no docker command in PATH", "install Docker's command line")
    else:
        yield Finding("docker", f"docker command: {path}")


def _plugin() -> Iterator[Finding]:
    link = plugin_install.link_path()
    try:
        installed = plugin_install.plugin_in_docker()
    except BluegreenError as error:
        yield Finding("plugin", f"plugin: {error.message}", hint_text(error.hint))
        return
    problem = plugin_install.complaint(installed, link)
    if not problem:
        yield Finding("plugin", f"plugin: docker finds {installed.path if installed else link}")
        return
    if not os.path.lexists(link):
        problem = f"nothing at {link}"
    elif not link.exists():
        problem = f"{link} leads nowhere"
    yield Finding("plugin", f"plugin: {problem}", "docker-bluegreen install")


def _engine(endpoint: str, ask: Callable[[], EngineFacts]) -> Iterator[Finding]:
    """As docker is answered, and as the docker SDK is: each may fail where the other does not."""
    answer, error = _ask("docker", "version", "--format", "{{json .Server}}")
    if not answer or answer == "null":
        yield Finding(
            "engine",
            f"engine ({endpoint}): {error or 'no answer'}",
            "start it, or choose another with docker context use; are you in the group docker?",
        )
        return
    facts = ask()
    is_old = (_numbers(facts.version) or OLDEST_ENGINE) < OLDEST_ENGINE
    restricted = "".join(f", {each}" for each in facts.restrictions)
    yield Finding(
        "engine",
        f"engine ({endpoint}): {facts.version}, API {facts.api_version}{restricted}",
        f"install Docker Engine {_dotted(OLDEST_ENGINE)} or newer" if is_old else "",
    )
    yield Finding("store", f"images: {facts.store}")
    yield _clock(facts.clock_ahead)
    few = facts.networks_left < _NETWORKS
    yield Finding(
        "networks",
        f"addresses for {facts.networks_left} more networks; a project needs {_NETWORKS}",
        MORE_RANGES if few else "",
    )
    if facts.free_bytes is not None:
        yield Finding(
            "disk",
            f"disk of the engine: {facts.free_bytes / 1024**3:.1f} GiB free",
            "docker system df shows what can go" if facts.free_bytes < _ROOM else "",
        )


def _numbers(version: str) -> tuple[int, ...] | None:
    """The first two, as in ``(20, 10)``; None for what is no version."""
    found = re.match(r"v?(\d+)\.(\d+)", version)
    return tuple(map(int, found.groups())) if found else None


def _dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))


def _clock(ahead: timedelta) -> Finding:
    seconds = ahead.total_seconds()
    if abs(ahead) <= _CLOCKS:
        return Finding("clock", "clocks: the engine's and this machine's agree")
    side = "ahead of" if seconds > 0 else "behind"
    return Finding(
        "clock",
        f"clocks: the engine's is {abs(seconds):.0f} s {side} this machine's",
        "set both by NTP: history takes its times from this machine",
    )


def _compose() -> Iterator[Finding]:
    answer, error = _ask("docker", "compose", "version", "--short")
    remedy = f"install the Compose plugin, {_dotted(OLDEST_COMPOSE)} or newer"
    numbers = _numbers(answer)
    if numbers is None:
        yield Finding("compose", f"compose: {error or 'docker compose is not there'}", remedy)
        return
    yield Finding("compose", f"compose: {answer}", remedy if numbers < OLDEST_COMPOSE else "")


def _buildx() -> Iterator[Finding]:
    answer, _ = _ask("docker", "buildx", "version")
    found = answer.split()[1:2] or ["none; the engine's own builder builds"]
    yield Finding("buildx", f"buildx: {found[0]}")


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
            yield Finding(
                "proxy", f"{name}: {runs}its image was built {_age(built, datetime.now(UTC))}"
            )


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
            "history",
            f"history: can't write to {folder}: {error.strerror}",
            "set XDG_STATE_HOME to a folder of yours",
        )
        return
    yield Finding("history", f"history: {folder} can be written to")


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
