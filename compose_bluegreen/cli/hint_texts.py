"""Hints in the words of the command line. No other file of the package spells its commands out."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from compose_bluegreen.domain.hints import Action, Command, Hint

PROGRAM = "docker bluegreen"


def hint_text(hint: Hint) -> str:
    return "".join(part if isinstance(part, str) else command_line(part) for part in hint.parts)


def command_line(command: Command) -> str:
    return " ".join((PROGRAM, *map(shlex.quote, _arguments(command))))


def _arguments(command: Command) -> Iterator[str]:
    if command.action is Action.HELP:
        yield "--help"
        return
    yield from command.action.value.split()
    yield from command.services
    if command.deployment is not None:
        yield from _deployment(command.action, command.deployment)
    if command.image is not None:
        yield from ("--image", command.image)
    yield from (f"--{flag.value}" for flag in command.flags)


def _deployment(action: Action, deployment: int) -> tuple[str, ...]:
    return ("--to", str(deployment)) if action is Action.ROLLBACK else (str(deployment),)
