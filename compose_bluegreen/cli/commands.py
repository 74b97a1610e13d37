"""What each command does: opens the outside, calls the core once, prints the answer.

Each imports what it needs and no more: the libraries below take half a second together, and a
person who reads history need not wait for those that deploy.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from compose_bluegreen.adapters.compose.config_reader import ConfigReader, NameReader
from compose_bluegreen.adapters.history.journal_reader import IdentityReader, JournalReader
from compose_bluegreen.adapters.system.preload import HISTORY, ahead, arrived
from compose_bluegreen.cli import output
from compose_bluegreen.cli import progress as faces
from compose_bluegreen.cli.error_handler import silence
from compose_bluegreen.config.requests import (
    LockAct,
    ProjectLocation,
    PromoteRequest,
    ProxyAct,
    ProxyRequest,
    PruneRequest,
    RollbackRequest,
    UpRequest,
)
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import BluegreenError, ExitCode, UsageError

if TYPE_CHECKING:
    from compose_bluegreen.adapters.history import SqlHistory
    from compose_bluegreen.adapters.history.synced_reader import FollowingHistory
    from compose_bluegreen.cli.composition import Outside
    from compose_bluegreen.ports.engine import Container


def up(where: ProjectLocation, order: UpRequest, progress: str, format: str) -> int:  # noqa: A002
    config = ConfigReader(where)
    from compose_bluegreen.cli import composition

    reading = composition.ProjectReader(where, config)
    from compose_bluegreen.adapters.compose import engine  # noqa: F401 - while Compose reads the file
    from compose_bluegreen.commands import up as core

    observer, project = faces.observer(progress), reading.project()
    git, notify = reading.git_revision(), project.settings.notify
    with composition.outside(
        where, project.name, observer, git, notify, reading.certificates
    ) as out:
        out.scratch.prove()
        with _answered(out, format):
            done = core.up(order, project, out.ctx, _plan(order.dry_run))
        if done is None and not order.dry_run:
            observer.remark("nothing changed since the live release; --force deploys all the same")
    if not order.dry_run:
        _say(output.summary(done, format))
    return ExitCode.DONE


def rollback(where: ProjectLocation, order: RollbackRequest, progress: str, format: str) -> int:  # noqa: A002
    name = NameReader(where)
    from compose_bluegreen.commands import rollback as core

    with _told(where, name, progress) as out:
        out.scratch.prove()
        with _answered(out, format):
            done = core.rollback(order, out.ctx, _plan(order.dry_run))
    if not order.dry_run:
        _say(output.summary(done, format))
    return ExitCode.DONE


def history(where: ProjectLocation, service: str | None, limit: int, format: str) -> int:  # noqa: A002
    with _records(where) as (records, project):
        found = records.newest(project, service=service, limit=limit)
    _say(output.history(found, format))
    return ExitCode.DONE


def show(where: ProjectLocation, id: int, format: str) -> int:  # noqa: A002
    with _records(where) as (records, project):
        found = records.get(id)
    if found is None:
        raise UsageError(
            f"there is no deployment {id} of {project}", hint="docker bluegreen history lists them"
        )
    _say(output.show(found, format))
    return ExitCode.DONE


def status(where: ProjectLocation, check: bool, format: str) -> int:  # noqa: A002
    name = NameReader(where)
    from compose_bluegreen.cli import composition
    from compose_bluegreen.inspection import status as core

    with composition.outside(where, name.read(), faces.observer("plain"), acts=False) as out:
        found = core.status(out.ctx)
        monitor = out.proxy.monitor_address()
    _say(output.status(found, monitor, format))
    return ExitCode.FAILED if check and found.drifts else ExitCode.DONE


def repair(where: ProjectLocation, dry_run: bool, progress: str, format: str) -> int:  # noqa: A002
    name = NameReader(where)
    from compose_bluegreen.cli import composition
    from compose_bluegreen.commands import repair as core

    with composition.outside(where, name.read(), faces.observer(progress)) as out:
        done = core.repair(out.ctx, _plan(dry_run))
    if dry_run:
        return ExitCode.DONE
    _say(output.repair(done, format))
    return ExitCode.NEEDS_PERSON if done.left else ExitCode.DONE


def logs(
    where: ProjectLocation,
    service: str | None,
    colour: Colour | None,
    follow: bool,
    tail: int | None,
) -> int:
    name = NameReader(where)
    from compose_bluegreen.cli import composition

    with composition.outside(where, name.read(), faces.observer("quiet")) as out:
        containers = _containers(out, service, colour)
        for line in out.compose.logs([one.name for one in containers], follow=follow, tail=tail):
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
    return ExitCode.DONE


def down(where: ProjectLocation, patience: timedelta | None, progress: str) -> int:
    name = NameReader(where)
    from compose_bluegreen.cli import composition
    from compose_bluegreen.commands import down as core

    with composition.outside(where, name.read(), faces.observer(progress)) as out:
        core.down(out.ctx, patience)
    return ExitCode.DONE


def resume(where: ProjectLocation, progress: str, format: str) -> int:  # noqa: A002
    name = NameReader(where)
    from compose_bluegreen.commands import resume as core

    with _told(where, name, progress) as out, _answered(out, format, begun_here=False):
        done = core.resume(out.ctx)
    _say(output.summary(done, format))
    return ExitCode.DONE


def promote(where: ProjectLocation, order: PromoteRequest, progress: str, format: str) -> int:  # noqa: A002
    name = NameReader(where)
    from compose_bluegreen.commands import promote as core

    with _told(where, name, progress) as out, _answered(out, format, begun_here=False):
        done = core.promote(order, out.ctx)
    _say(output.summary(done, format))
    return ExitCode.DONE


def abort(where: ProjectLocation, progress: str, format: str) -> int:  # noqa: A002
    name = NameReader(where)
    from compose_bluegreen.commands import abort as core

    with _told(where, name, progress) as out, _answered(out, format, begun_here=False):
        done = core.abort(out.ctx)
    _say(output.summary(done, format))
    return ExitCode.DONE


def lock(where: ProjectLocation, act: LockAct, format: str) -> int:  # noqa: A002
    name = NameReader(where)
    from compose_bluegreen.cli import composition

    with composition.outside(where, name.read(), faces.observer("quiet"), acts=False) as out:
        if act is LockAct.STATUS:
            _say(output.lock(out.compose.project, out.ctx.lock.owner(), format))
        else:
            _say(output.released(out.compose.project, out.ctx.lock.release(), format))
    return ExitCode.DONE


def proxy(where: ProjectLocation, order: ProxyRequest, progress: str) -> int:
    if order.act is ProxyAct.LOGS:
        return _proxy_logs(where, order)
    config = ConfigReader(where)
    from compose_bluegreen.cli import composition

    reading = composition.ProjectReader(where, config)
    from compose_bluegreen.commands import proxy as core

    observer, project = faces.observer(progress), reading.project()
    with composition.outside(
        where, project.name, observer, reading.git_revision(), certificates=reading.certificates
    ) as out:
        if order.act is ProxyAct.RELOAD:
            core.reload(project, out.ctx, order.patience)
        else:
            core.recreate(project, out.ctx, order.patience, pull=order.pull)
    return ExitCode.DONE


def _proxy_logs(where: ProjectLocation, order: ProxyRequest) -> int:
    name = NameReader(where)
    from compose_bluegreen.cli import composition

    with composition.outside(where, name.read(), faces.observer("quiet"), acts=False) as out:
        for line in out.proxy.log(follow=order.follow, tail=order.tail):
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
    return ExitCode.DONE


@contextmanager
def _told(where: ProjectLocation, name: NameReader, progress: str) -> Iterator[Outside]:
    """The outside of a command that needs no more of the file than its name; a webhook is told what
    comes of it, as far as the file was read."""
    from compose_bluegreen.cli import composition

    project, observer = name.read(), faces.observer(progress)
    with composition.outside(where, project, observer, notify=name.notify) as out:
        yield out


@contextmanager
def _answered(out: Outside, format: str, *, begun_here: bool = True) -> Iterator[None]:  # noqa: A002
    """What failed has an answer too: what history has of it."""
    try:
        yield
    except BluegreenError:
        with suppress(BluegreenError):
            number = out.noted.own if begun_here else out.noted.last
            failed = out.ctx.history.get(number) if number else None
            _say_at_once(output.summary(failed, format))
        raise


@contextmanager
def _records(where: ProjectLocation) -> Iterator[tuple[SqlHistory | FollowingHistory, str]]:
    """What happened can be read while Docker is down, too."""
    identity, name = IdentityReader(), NameReader(where)
    ahead(HISTORY)
    project = name.read()
    journal, engine = JournalReader(project), identity.read()
    arrived(HISTORY)
    from compose_bluegreen.adapters.history import Scope, open_history, synced_reader

    with open_history(where.database, os.environ, Scope(engine, project)) as records:
        if engine is None:
            _remark("the engine doesn't answer: this is what was known here")
            yield records, project
        else:
            yield synced_reader.FollowingHistory(records, journal, _remark), project


def _remark(text: str) -> None:
    faces.observer("plain").remark(text)


def prune(where: ProjectLocation, order: PruneRequest) -> int:
    name = NameReader(where)
    from compose_bluegreen.cli import composition
    from compose_bluegreen.commands import prune as core

    with composition.outside(where, name.read(), faces.observer("quiet")) as out:
        found = core.prune(order, out.ctx)
    _say(output.pruned(found, order))
    return ExitCode.DONE


def _containers(out: Outside, service: str | None, colour: Colour | None) -> list[Container]:
    project = out.compose.project
    routes = out.ctx.proxy.routes()
    found = [
        one
        for one in out.ctx.colour_containers(service)
        if one.service and one.colour is (colour or routes.get(one.service))
    ]
    if not found:
        raise BluegreenError(
            f"no container of {service or project} runs in {colour or 'the live colour'}",
            hint="docker bluegreen status",
        )
    return found


def _plan(dry_run: bool) -> Callable[[str, str], None] | None:
    """A dry run's answer is its plan, so it goes to stdout."""
    return (lambda name, cause: _say(f"{name}  ({cause})\n")) if dry_run else None


def _say_at_once(text: str) -> None:
    """Nobody listens? The exit code says it all the same."""
    try:
        _say(text)
        sys.stdout.flush()
    except OSError:
        silence(sys.stdout)


def _say(text: str) -> None:
    sys.stdout.write(text)
