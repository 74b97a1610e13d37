"""How a command's answer reaches stdout."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from compose_bluegreen.cli import output
from compose_bluegreen.cli.error_handler import silence
from compose_bluegreen.domain.errors import BluegreenError

if TYPE_CHECKING:
    from compose_bluegreen.cli.composition import Outside
    from compose_bluegreen.domain.plan import PlannedStep
    from compose_bluegreen.steps.source import TellPlan


def write(text: str) -> None:
    sys.stdout.write(text)


def write_log(lines: Iterable[bytes]) -> None:
    """Each line as soon as it comes, byte by byte as the container wrote it."""
    for line in lines:
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()


@contextmanager
def plan_shown(dry_run: bool, output_format: str) -> Iterator[TellPlan | None]:
    """Receives the steps of a dry run, and prints them once the plan is complete."""
    if not dry_run:
        yield None
        return
    steps: list[PlannedStep] = []
    yield steps.append
    write(output.plan(steps, output_format))


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
