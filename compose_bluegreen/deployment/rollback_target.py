"""Which release a rollback makes live."""

from __future__ import annotations

from dataclasses import dataclass

from compose_bluegreen.domain.deployment import Deployment, Kind
from compose_bluegreen.domain.errors import BluegreenError, UsageError
from compose_bluegreen.domain.hints import Action, Command, Hint
from compose_bluegreen.domain.release import Release
from compose_bluegreen.domain.states import WENT_LIVE
from compose_bluegreen.ports.context import Context

_A_FEW = 10


@dataclass(frozen=True, slots=True)
class RollbackTarget:
    """``live`` is the deployment that is rolled back, ``restores`` the deployment that becomes live again.

    ``origin`` is the deployment that first released the live release.
    """

    live: Deployment | None
    restores: Deployment
    release: Release
    origin: int | None

    @property
    def goes_back(self) -> bool:
        """False if ``--to`` names a release that is newer than the live one."""
        return self.origin is None or self.restores.id < self.origin

    @property
    def taken_back(self) -> Release | None:
        part = self.live.part(self.release.service) if self.live else None
        return part.release if part and self.goes_back else None

    @property
    def is_live(self) -> bool:
        serving = self.live.part(self.release.service) if self.live else None
        return serving is not None and serving.release.fingerprint == self.release.fingerprint


def previous(service: str, ctx: Context) -> RollbackTarget:
    """The newest release before the live one that was healthy and never rolled back."""
    live = ctx.live_deployment(service)
    origin = origin_of(live, service, ctx)
    serving = live.part(service) if live else None
    for limit in (_A_FEW, None):  # whole models are large, and the first one nearly always matches
        for deployment in ctx.history.rollback_candidates(ctx.ref, service, limit=limit):
            part = deployment.part(service)
            if part is None or (origin is not None and deployment.id >= origin):
                continue
            if serving is None or part.release.fingerprint != serving.release.fingerprint:
                return RollbackTarget(live, deployment, part.release, origin)
    raise BluegreenError(
        f"{service} has no earlier healthy release",
        hint=Hint(Command(Action.HISTORY, (service,)), " lists all; rollback --to ID selects one"),
    )


def chosen(service: str, deployment: int, ctx: Context) -> RollbackTarget:
    record = ctx.history.get(deployment)
    part = record.part(service) if record else None
    if (
        record is None
        or part is None
        or (record.engine, record.project) != (ctx.engine_id, ctx.project)
    ):
        raise UsageError(
            f"there is no deployment {deployment} of {service} in {ctx.project}",
            hint=Hint(Command(Action.HISTORY, (service,))),
        )
    if record.state not in WENT_LIVE:
        raise BluegreenError(
            f"deployment {deployment} never went live: it is {record.state}",
            hint=Hint(Command(Action.SHOW, deployment=deployment), " shows why"),
        )
    live = ctx.live_deployment(service)
    return RollbackTarget(live, record, part.release, origin_of(live, service, ctx))


def origin_of(live: Deployment | None, service: str, ctx: Context) -> int | None:
    """The deployment that first released the live release of a service.

    A rollback of a rollback thus goes further back. One rollback may have restored services from
    different deployments.
    """
    part = live.part(service) if live else None
    if live is None or part is None or live.restores is None:
        return live.id if live else None
    for deployment in ctx.history.newest(live.project, service=service):
        theirs = deployment.part(service)
        same = theirs and theirs.release.fingerprint == part.release.fingerprint
        if (
            deployment.id <= live.restores
            and deployment.kind is Kind.UP
            and same
            and deployment.state in WENT_LIVE
        ):
            return deployment.id
    return live.restores
