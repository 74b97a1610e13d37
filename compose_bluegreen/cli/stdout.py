"""How a command's answer reaches stdout."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from compose_bluegreen.cli import output
from compose_bluegreen.cli.error_handler import silence
from compose_bluegreen.domain.errors import BluegreenError

if TYPE_CHECKING:
    from compose_bluegreen.cli.composition import Outside


def write(text: str) -> None:
    sys.stdout.write(text)


def write_log(lines: Iterable[bytes]) -> None:
    """Each line as soon as it comes, byte by byte as the container wrote it."""
    for line in lines:
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()


def plan_printer(dry_run: bool) -> Callable[[str, str], None] | None:
    """Prints each step of a dry run, whose answer is the plan."""
    return (lambda name, cause: write(f"{name}  ({cause})\n")) if dry_run else None


@contextmanager
def failure_shown(out: Outside, output_format: str, *, begun_here: bool = True) -> Iterator[None]:
    """Shows a failed deployment too, as far as history has it, before the error is raised again."""
    try:
        yield
    except BluegreenError:
        with suppress(BluegreenError):
            number = out.noted.own if begun_here else out.noted.last
            failed = out.ctx.history.get(number) if number else None
            _write_at_once(output.summary(failed, output_format))
        raise


def _write_at_once(text: str) -> None:
    """Ignores a reader that is gone: the exit code reports the failure as well."""
    try:
        write(text)
        sys.stdout.flush()
    except OSError:
        silence(sys.stdout)
