"""From docker's words to one of our commands."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial

from compose_bluegreen.cli import completion
from compose_bluegreen.cli.app import build_app
from compose_bluegreen.cli.docker_flags import PLUGIN, understood
from compose_bluegreen.domain.errors import UsageError
from compose_bluegreen.runtime import interrupts


def converse(arguments: Sequence[str]) -> int:
    """``arguments`` as docker, or a shell, hands them over."""
    group = build_app(_execute)
    if arguments[:1] == [completion.ASKED]:
        words = arguments[2:] if arguments[1:2] == [PLUGIN] else arguments[1:]
        return completion.answer(group, words)
    refuse_what_is_not_text(arguments)
    call = understood(arguments)
    call.apply_to(os.environ)
    interrupts.listen()
    interrupts.watch_docker(os.environ.pop(interrupts.SOCKET_VARIABLE, None))
    # Not the app itself: it would answer a broken pipe and an interrupt in its own way.
    with group.make_context(call.program, list(call.words)) as context:
        code = group.invoke(context)
    return int(code or 0)


def refuse_what_is_not_text(arguments: Sequence[str]) -> None:
    """Neither history nor JSON could hold it."""
    for word in arguments:
        try:
            word.encode()
        except UnicodeEncodeError:
            shown = word.encode(errors="replace").decode()
            raise UsageError(f"{shown!r:.80} isn't UTF-8", hint="docker bluegreen --help") from None


def _execute(call: partial[int]) -> int:
    return call()
