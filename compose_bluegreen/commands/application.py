"""What a user interface calls: the command line uses it, and a web page can.

Requests are values of ``config.requests``, results are values of the core. No method prints, reads
the command line or changes anything of the whole process, so each thread may use one of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from compose_bluegreen.config.requests import (
    DownRequest,
    LockAct,
    LogsRequest,
    PromoteRequest,
    ProxyAct,
    ProxyRequest,
    PruneRequest,
    RepairRequest,
    RollbackRequest,
    UpRequest,
)
from compose_bluegreen.deployment.notifications import EndedDeployments
from compose_bluegreen.domain.errors import BluegreenError

if TYPE_CHECKING:
    from compose_bluegreen.commands.prune import Pruned
    from compose_bluegreen.commands.repair import Repair
    from compose_bluegreen.config.compose_file import Project
    from compose_bluegreen.domain.deployment import Deployment
    from compose_bluegreen.domain.plan import PlannedStep
    from compose_bluegreen.inspection.status import Status
    from compose_bluegreen.ports.context import Context
    from compose_bluegreen.ports.lock import LockOwner
    from compose_bluegreen.steps.source import TellPlan


def _ignore(step: PlannedStep) -> None:
    """For a dry run whose plan is not shown."""


class Application:
    """The commands over one project. Each method imports its command when it is called.

    A failed deployment is the ``deployment`` of the error that is raised.
    """

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self.ended: list[int] = []
        """The deployments that came to an end by a call of this application."""

    @property
    def project(self) -> str:
        return self._ctx.project

    # ── deployments ──────────────────────────────────────────────────────────────────────────

    def up(
        self, request: UpRequest, project: Project, show_step: TellPlan = _ignore
    ) -> Deployment | None:
        """None if nothing changed since the live release, or on a dry run."""
        from compose_bluegreen.commands.up import up

        with self._recorded() as ctx:
            return up(request, project, ctx, show_step if request.dry_run else None)

    def rollback(
        self, request: RollbackRequest, show_step: TellPlan = _ignore
    ) -> Deployment | None:
        """None on a dry run."""
        from compose_bluegreen.commands.rollback import rollback

        with self._recorded() as ctx:
            return rollback(request, ctx, show_step if request.dry_run else None)

    def promote(self, request: PromoteRequest) -> Deployment | None:
        from compose_bluegreen.commands.promote import promote

        with self._recorded(begun_here=False) as ctx:
            return promote(request, ctx)

    def abort(self) -> Deployment | None:
        from compose_bluegreen.commands.abort import abort

        with self._recorded(begun_here=False) as ctx:
            return abort(ctx)

    def resume(self) -> Deployment | None:
        from compose_bluegreen.commands.resume import resume

        with self._recorded(begun_here=False) as ctx:
            return resume(ctx)

    @contextmanager
    def _recorded(self, *, begun_here: bool = True) -> Iterator[Context]:
        """A context that notes which deployments end; an error carries the failed deployment."""
        ended = EndedDeployments(self._ctx.history)
        try:
            yield replace(self._ctx, history=ended.as_history)
        except BluegreenError as error:
            number = ended.last_begun_here if begun_here else ended.last
            if number:
                with suppress(BluegreenError):
                    error.deployment = self._ctx.history.get(number)
            raise
        finally:
            self.ended += ended.ended

    # ── what exists ────────────────────────────────────────────────────────────────────────

    def status(self) -> Status:
        from compose_bluegreen.inspection.status import status

        return status(self._ctx)

    def monitor_address(self) -> str | None:
        """``host:port`` of HAProxy's statistics; None where the proxy publishes none."""
        return self._ctx.proxy.monitor_address()

    def logs(self, request: LogsRequest) -> Iterator[bytes]:
        from compose_bluegreen.commands.logs import logs

        return logs(request, self._ctx)

    def proxy_log(self, request: ProxyRequest) -> Iterator[bytes]:
        return self._ctx.proxy.log(follow=request.follow, tail=request.tail)

    # ── upkeep ───────────────────────────────────────────────────────────────────────────────

    def repair(self, request: RepairRequest, show_step: TellPlan = _ignore) -> Repair:
        from compose_bluegreen.commands.repair import repair

        return repair(self._ctx, show_step if request.dry_run else None)

    def down(self, request: DownRequest) -> None:
        from compose_bluegreen.commands.down import down

        down(self._ctx, request.patience)

    def prune(self, request: PruneRequest) -> Pruned:
        from compose_bluegreen.commands.prune import prune

        return prune(request, self._ctx)

    def lock(self, act: LockAct) -> LockOwner | None:
        """The owner of the deployment lock; with ``RELEASE``, the owner that lost it."""
        lock = self._ctx.lock
        return lock.owner() if act is LockAct.STATUS else lock.release()

    def proxy(self, request: ProxyRequest, project: Project) -> None:
        """``RELOAD`` or ``RECREATE``; ``proxy_log`` is the third act."""
        from compose_bluegreen.commands import proxy

        if request.act is ProxyAct.RELOAD:
            proxy.reload(project, self._ctx, request.patience)
        else:
            proxy.recreate(project, self._ctx, request.patience, pull=request.pull)
