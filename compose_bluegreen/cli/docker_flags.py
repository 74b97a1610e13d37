"""How docker calls its plugins: docker's own flags, the plugin's name, then our arguments.

``docker --context X bluegreen up`` arrives as ``--context X bluegreen up``; docker has not
applied its flags. A direct ``docker-bluegreen up`` accepts the same flags.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from compose_bluegreen.domain.errors import UsageError

PLUGIN = "bluegreen"
DEBUG_VARIABLE = "BLUEGREEN_DEBUG"

_SHORT = {"c": "context", "H": "host", "l": "log-level", "D": "debug", "h": "help", "v": "version"}
_TLS_FILES = {"tlscacert": "ca.pem", "tlscert": "cert.pem", "tlskey": "key.pem"}
_WITH_VALUE = {"context", "host", "config", "log-level", *_TLS_FILES}
_KNOWN = _WITH_VALUE | {"debug", "help", "version", "tls", "tlsverify"}
_FALSE = {"0", "f", "false"}


@dataclass(frozen=True, slots=True)
class PluginCall:
    """``arguments`` are ours. ``environment`` has the variables that docker's flags set (None:
    unset)."""

    program: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str | None]

    def apply_to(self, environ: MutableMapping[str, str]) -> None:
        for name, value in self.environment.items():
            if value is None:
                environ.pop(name, None)
            else:
                environ[name] = value


def parse_arguments(arguments: Sequence[str]) -> PluginCall:
    """Raises UsageError for flags that docker itself refuses."""
    remaining = tuple(arguments)
    help_asked = remaining[:1] == ("help",)
    flags, remaining = _leading_flags(remaining[1:] if help_asked else remaining)
    through_docker = remaining[:1] == (PLUGIN,)
    remaining = remaining[1:] if through_docker else remaining
    if remaining[:1] == ("help",):
        help_asked, remaining = True, remaining[1:]
    if help_asked or "help" in flags:
        remaining = (*remaining, "--help")
    elif "version" in flags:
        remaining = ("--version",)
    program = f"docker {PLUGIN}" if through_docker else f"docker-{PLUGIN}"
    return PluginCall(program, remaining, _environment(flags))


def _leading_flags(arguments: tuple[str, ...]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Docker's flags up to the first other word, as docker's parser reads them."""
    flags: dict[str, str] = {}
    remaining = list(arguments)
    while remaining and (long_flags := _long(remaining[0])):
        word = remaining.pop(0)
        for flag in long_flags:
            name, glued, value = flag.partition("=")
            if name in _WITH_VALUE and not glued:
                if not remaining:
                    raise UsageError(f"docker's flag {word} needs a value")
                value = remaining.pop(0)
            if name == "host" and "host" in flags:
                raise UsageError("docker's flag -H can be given only once")
            if name in _WITH_VALUE or value.lower() not in _FALSE:
                flags[name] = value
    return flags, tuple(remaining)


def _long(word: str) -> list[str]:
    """``-Dc=X`` is ``debug`` and ``context=X``; empty if a part is no flag of docker's."""
    if word.startswith("--"):
        flag = word[2:]
        return [flag] if flag.partition("=")[0] in _KNOWN else []
    flags: list[str] = []
    letters = word[1:] if word.startswith("-") else ""
    while letters:
        name, letters = _SHORT.get(letters[0]), letters[1:]
        if name is None:
            return []
        if name in _WITH_VALUE and letters:
            return [*flags, f"{name}={letters.removeprefix('=')}"]
        flags.append(name)
    return flags


def _environment(flags: Mapping[str, str]) -> dict[str, str | None]:
    """docker, compose and the docker SDK read these variables, but not our flags."""
    if "context" in flags and "host" in flags:
        raise UsageError("docker's flags --context and --host can't be given together")
    meant: dict[str, str | None] = {}
    if "context" in flags:
        meant |= {"DOCKER_CONTEXT": flags["context"], "DOCKER_HOST": None}
    if "host" in flags:
        meant |= {"DOCKER_HOST": flags["host"], "DOCKER_CONTEXT": None}
    if "config" in flags:
        meant["DOCKER_CONFIG"] = flags["config"]
    if "tls" in flags:
        meant["DOCKER_TLS"] = "1"
    if "tlsverify" in flags:
        meant["DOCKER_TLS_VERIFY"] = "1"
    if "debug" in flags:
        # docker sets DEBUG, but the user's compose file may contain ${DEBUG}.
        meant[DEBUG_VARIABLE] = "1"
    return meant | _certificates(flags)


def _certificates(flags: Mapping[str, str]) -> dict[str, str | None]:
    paths = {name: Path(flags[name]) for name in _TLS_FILES if name in flags}
    if not paths:
        return {}
    folders = {path.parent for path in paths.values()}
    if len(folders) > 1 or any(path.name != _TLS_FILES[name] for name, path in paths.items()):
        raise UsageError(
            "these TLS files are not in one folder, or not under docker's names for them",
            hint="put ca.pem, cert.pem and key.pem in one folder, or use docker context create",
        )
    return {"DOCKER_CERT_PATH": str(folders.pop())}
