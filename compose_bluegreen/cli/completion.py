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


def answer(group: Any, arguments: Sequence[str]) -> int:
    """The last of ``arguments`` is being typed; it is "" when the user begins a new one."""
    *before, incomplete = arguments or [""]
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
    group_arguments, name, command_arguments = _split(group, before)
    with group.make_context(
        "docker bluegreen", list(group_arguments), resilient_parsing=True
    ) as context:
        if name is None:
            return _fitting(context, group_arguments, incomplete)
        command = group.get_command(context, name)
        if command is None:
            return []
        with command.make_context(
            name, list(command_arguments), parent=context, resilient_parsing=True
        ) as inner:
            return _fitting(inner, command_arguments, incomplete)


def _split(group: Any, arguments: Sequence[str]) -> tuple[Sequence[str], str | None, Sequence[str]]:
    """The group's own options, the name of the command, and what follows it."""
    index = 0
    while index < len(arguments) and arguments[index].startswith("-"):
        index += 2 if _option_for_value(group, arguments[index]) else 1
    if index >= len(arguments):
        return arguments, None, ()
    return arguments[:index], arguments[index], arguments[index + 1 :]


def _fitting(context: Any, arguments: Sequence[str], incomplete: str) -> list[Any]:
    """What fits as the next word: an option, the value of one, an argument or a command."""
    command, last = context.command, arguments[-1] if arguments else ""
    name, glued, value = incomplete.partition("=")
    if glued and name.startswith("-"):
        last, incomplete = name, value
    items: list[Any]
    if "--" not in arguments and incomplete.startswith("-"):
        items = command.shell_complete(context, incomplete)
    elif option := _option_for_value(command, last):
        items = option.shell_complete(context, incomplete)
    else:
        items = _next_argument(context).shell_complete(context, incomplete)
    return items


def _option_for_value(command: Any, word: str) -> Any:
    """The option of this name, unless it takes no value."""
    named = (
        option for option in command.params if word in option.opts and not _is_argument(option)
    )
    return next((option for option in named if not option.is_flag), None)


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
