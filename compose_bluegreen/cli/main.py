"""Runs one command line, as docker or a shell passes it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial

from compose_bluegreen.cli import completion
from compose_bluegreen.cli.app import build_app
from compose_bluegreen.cli.docker_flags import PLUGIN, parse_arguments
from compose_bluegreen.domain.errors import UsageError
from compose_bluegreen.runtime import interrupts


def run_command_line(arguments: Sequence[str]) -> int:
    """Returns the exit code. ``arguments`` are docker's own, or those of its completion."""
    group = build_app(_execute)
    if arguments[:1] == [completion.ASKED]:
        to_complete = arguments[2:] if arguments[1:2] == [PLUGIN] else arguments[1:]
        return completion.answer(group, to_complete)
    refuse_undecodable(arguments)
    call = parse_arguments(arguments)
    call.apply_to(os.environ)
    interrupts.listen()
    interrupts.watch_docker(os.environ.pop(interrupts.SOCKET_VARIABLE, None))
    # Not the app itself: Typer handles a broken pipe and an interrupt in another way.
    with group.make_context(call.program, list(call.arguments)) as context:
        code = group.invoke(context)
    return int(code or 0)


def refuse_undecodable(arguments: Sequence[str]) -> None:
    """Neither the history nor JSON can store an argument that is not UTF-8."""
    for word in arguments:
        try:
            word.encode()
        except UnicodeEncodeError:
            shown = word.encode(errors="replace").decode()
            raise UsageError(f"{shown!r:.80} isn't UTF-8", hint="docker bluegreen --help") from None


def _execute(call: partial[int]) -> int:
    return call()
