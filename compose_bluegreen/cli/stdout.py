"""How a command's answer reaches stdout."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from compose_bluegreen.cli import output
from compose_bluegreen.cli.error_handler import silence
from compose_bluegreen.domain.errors import BluegreenError


def write(text: str) -> None:
    sys.stdout.write(text)


def write_log(lines: Iterable[bytes]) -> None:
    """Each line as soon as it comes, byte by byte as the container wrote it."""
    for line in lines:
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()


@contextmanager
def failure_shown(output_format: str) -> Iterator[None]:
    """Shows a failed deployment too, as far as history has it, before the error is raised again."""
    try:
        yield
    except BluegreenError as error:
        _write_at_once(output.summary(error.deployment, output_format))
        raise


def _write_at_once(text: str) -> None:
    """Ignores a reader that is gone: the exit code reports the failure as well."""
    try:
        write(text)
        sys.stdout.flush()
    except OSError:
        silence(sys.stdout)
