"""What ``docker compose config`` prints, read as it was meant; and models that it reads as we mean.

Compose writes YAML as Go does, and libyaml reads a few things otherwise: it refuses a text that
begins with a tab, and takes three rare characters for ends of lines. JSON has no such doubts but
drops a service's ``x-`` keys. So where they may differ, JSON is the model, and only those keys
are taken from the YAML.
"""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

from compose_bluegreen.domain.errors import UsageError
from compose_bluegreen.domain.names import KEY
from compose_bluegreen.domain.release import Model

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_ENDS_OF_LINES_FOR_LIBYAML = re.compile("[\x85\u2028\u2029]")
_NOT_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""As they are; JSON would have them so."""

_INDENT = "    "
_SECTION = re.compile(r"[A-Za-z0-9_-]+:")
_SERVICE = re.compile(r"  (\S.*):")


def whole(output: str) -> Model | None:
    """None where libyaml may misread it."""
    if _ENDS_OF_LINES_FOR_LIBYAML.search(output):
        return None
    try:
        return _mapping(output)
    except yaml.YAMLError:
        return None


def grafted(model: Model, output: str) -> Model:
    """``model`` from the JSON, with the services' ``x-bluegreen`` from the YAML. Raises UsageError."""
    for service, lines in _blocks(output).items():
        try:
            block = _mapping("\n".join(lines))
        except yaml.YAMLError:
            # "from None": its message would quote the file.
            raise UsageError(
                f"services.{service}.{KEY} has characters that can't be read",
                hint="write its texts without tabs and control characters",
            ) from None
        model["services"][service][KEY] = block[KEY]
    return model


def text(model: Model) -> str:
    """As JSON, which is YAML in which every text is quoted.

    Go takes ``1e3`` and ``0o17`` for numbers, libyaml doesn't and would write them without quotes:
    an environment with a commit such as ``1234e56`` would reach the container as another number.
    """
    return _NOT_IN_YAML.sub(_escaped, json.dumps(model, ensure_ascii=False, default=str))


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def _blocks(output: str) -> dict[str, list[str]]:
    """Service to the lines of its ``x-bluegreen``; what is deeper than a key belongs to it."""
    blocks: dict[str, list[str]] = {}
    section, service, inside = "", "", False
    for line in output.split("\n"):
        if _SECTION.match(line):
            section = line
        elif section == "services:" and (name := _SERVICE.fullmatch(line)):
            service = str(yaml.load(name[1], Loader=_LOADER))  # noqa: S506 - safe
        if line.startswith(f"{_INDENT}{KEY}:") and section == "services:":
            blocks[service] = [line]
            inside = True
        elif inside and (not line.strip() or line.startswith(f"{_INDENT} ")):
            blocks[service].append(line)
        else:
            inside = False
    return blocks


def _mapping(yaml_text: str) -> Model:
    mapping = yaml.load(yaml_text, Loader=_LOADER)  # noqa: S506 - safe
    if not isinstance(mapping, dict):
        raise yaml.YAMLError
    return mapping
