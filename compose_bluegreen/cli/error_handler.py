"""Turns each error into an exit code and a message for the user."""

from __future__ import annotations

import errno
import os
import select
import sys
from collections.abc import Callable
from textwrap import indent
from typing import TextIO

import typer

from compose_bluegreen.cli.crash_report import write_report
from compose_bluegreen.cli.docker_flags import DEBUG_VARIABLE
from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.cli.terminal import clean, replace_unencodable, terminal_of
from compose_bluegreen.domain.errors import BluegreenError, ExitCode
from compose_bluegreen.runtime.interrupts import deafen
from compose_bluegreen.runtime.secrets import concealed


def handle_errors(act: Callable[[], int]) -> int:
    """Calls ``act`` and returns its exit code, or the exit code of its error. Never raises and never
    prints a traceback."""
    _open_missing_streams()
    replace_unencodable(sys.stdout, sys.stderr)
    code = int(ExitCode.DONE)
    try:
        code = _done(act)
        sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001 - each error gets an exit code
        deafen()
        return _code_of(error, code)
    deafen()
    return code


def _open_missing_streams() -> None:
    """If the caller closed a stream, the next file that opens would get its number, such as the
    history."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)


def _done(act: Callable[[], int]) -> int:
    try:
        return act()
    except typer.Exit as left:
        return left.exit_code


def _code_of(error: BaseException, code: int) -> int:
    """``code`` is the command's own exit code, for an answer whose reader is gone."""
    match error:
        case BluegreenError():
            _say(error.message, error.detail, hint_text(error.hint))
            return error.exit_code
        case typer.TyperException():
            _say(error.format_message(), hint=_help_for(error))
            return error.exit_code
        case KeyboardInterrupt() | typer.Abort():
            _say("interrupted")
            return ExitCode.INTERRUPTED
        case BrokenPipeError() if _reader_left(sys.stdout):
            silence(sys.stdout)  # `docker bluegreen history | head`: head has enough lines
            return code
        case OSError(errno=errno.ENOSPC | errno.EDQUOT | errno.EIO):
            silence(sys.stdout)
            _say(f"can't write to {error.filename or 'the output'}: {error.strerror}")
            return ExitCode.FAILED
    return _bug(error)


def _bug(error: BaseException) -> int:
    path = write_report(error)
    if os.environ.get(DEBUG_VARIABLE):
        import traceback

        _write(sys.stderr, concealed("".join(traceback.format_exception(error))))
    _say(
        concealed(f"a bug in compose-bluegreen: {type(error).__name__}: {error}"),
        hint=f"send the report {path}"
        if path
        else "no report could be written; see docker -D bluegreen",
    )
    return ExitCode.BUG


def _say(message: str, detail: str = "", hint: str = "") -> None:
    paint = terminal_of(sys.stderr).paint
    lines = [f"{paint('error:', 'red')} {clean(message)}"]
    if detail.strip():
        lines.append(indent(clean(detail).strip("\n"), "  "))
    if hint:
        lines.append(f"{paint('next:', 'bold')} {clean(hint)}")
    _write(sys.stderr, "\n".join(lines) + "\n")


def _help_for(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    return f"{context.command_path} --help" if context else ""


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except (OSError, ValueError):
        silence(stream)


def _reader_left(stream: TextIO) -> bool:
    """True if the pipe of this stream broke, and not a connection of ours."""
    try:
        poll = select.poll()
        poll.register(stream.fileno(), 0)
    except (OSError, ValueError):
        return False
    return any(events & select.POLLERR for _, events in poll.poll(0))


def silence(stream: TextIO) -> None:
    """Discards the stream's buffer, because Python would report an error for it at exit."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
    except (OSError, ValueError):
        return
