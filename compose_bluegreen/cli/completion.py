"""Docker's completion protocol: ``value<Tab>description`` lines, then a number for the shell.

The search uses the public methods of Typer's commands and parameters only.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import typer

ASKED = "__complete"

_TAKE_A_PATH = {"-f", "--file", "--env-file", "--project-directory", "--database"}
_FILES_TOO, _NOTHING_ELSE = 0, 4


def answer(group: Any, words: Sequence[str]) -> int:
    """The last of ``words`` is being typed; it is "" when the user begins a new one."""
    *before, incomplete = words or [""]
    try:
        items = _candidates(group, before, incomplete)
    except typer.TyperException:
        items = []
    lines = [f"{item.value}\t{item.help or ''}".rstrip() for item in items]
    wants_a_path = bool(before) and before[-1] in _TAKE_A_PATH
    lines.append(f":{_FILES_TOO if wants_a_path else _NOTHING_ELSE}")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _candidates(group: Any, before: Sequence[str], incomplete: str) -> list[Any]:
    own, name, rest = _split(group, before)
    with group.make_context("docker bluegreen", list(own), resilient_parsing=True) as context:
        if name is None:
            return _fitting(context, own, incomplete)
        command = group.get_command(context, name)
        if command is None:
            return []
        with command.make_context(
            name, list(rest), parent=context, resilient_parsing=True
        ) as inner:
            return _fitting(inner, rest, incomplete)


def _split(group: Any, words: Sequence[str]) -> tuple[Sequence[str], str | None, Sequence[str]]:
    """The group's own options, the name of the command, and what follows it."""
    index = 0
    while index < len(words) and words[index].startswith("-"):
        index += 2 if _option_for_value(group, words[index]) else 1
    if index >= len(words):
        return words, None, ()
    return words[:index], words[index], words[index + 1 :]


def _fitting(context: Any, words: Sequence[str], incomplete: str) -> list[Any]:
    """What fits as the next word: an option, the value of one, an argument or a command."""
    command, last = context.command, words[-1] if words else ""
    name, glued, value = incomplete.partition("=")
    if glued and name.startswith("-"):
        last, incomplete = name, value
    found: list[Any]
    if "--" not in words and incomplete.startswith("-"):
        found = command.shell_complete(context, incomplete)
    elif option := _option_for_value(command, last):
        found = option.shell_complete(context, incomplete)
    else:
        found = _next_argument(context).shell_complete(context, incomplete)
    return found


def _option_for_value(command: Any, word: str) -> Any:
    """The option of this name, unless it takes no value."""
    named = (one for one in command.params if word in one.opts and not _is_argument(one))
    return next((one for one in named if not one.is_flag), None)


def _next_argument(context: Any) -> Any:
    """The first argument that has no value yet, or else the command itself."""
    for parameter in context.command.params:
        if _is_argument(parameter) and (
            parameter.nargs == -1 or context.params.get(parameter.name) is None
        ):
            return parameter
    return context.command


def _is_argument(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "argument")
