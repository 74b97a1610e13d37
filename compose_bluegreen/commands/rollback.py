"""``rollback``: makes an earlier release live again, with the steps of any deployment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from compose_bluegreen.config.hook_settings import Moment
from compose_bluegreen.config.requests import RollbackRequest
from compose_bluegreen.deployment import recovery
from compose_bluegreen.deployment.interrupted import interrupted_deployments, stopped_at
from compose_bluegreen.deployment.pipeline import deploy
from compose_bluegreen.deployment.rollback_target import RollbackTarget, chosen, origin_of, previous
from compose_bluegreen.domain.deployment import Deployment, Kind, NewDeployment
from compose_bluegreen.domain.errors import BluegreenError, UsageError
from compose_bluegreen.domain.hints import Action, Command, Hint
from compose_bluegreen.domain.release import Image, Release
from compose_bluegreen.domain.states import State
from compose_bluegreen.domain.step_keys import StepKey, StepKind
from compose_bluegreen.domain.topology import Topology
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.lock import LockOwner
from compose_bluegreen.steps import hooks, irreversible
from compose_bluegreen.steps.saga import Step
from compose_bluegreen.steps.source import DeployOptions, ReleaseSource, TellPlan


def rollback(
    request: RollbackRequest, ctx: Context, tell_plan: TellPlan | None = None
) -> Deployment | None:
    """Needs no compose file, because history has the whole model of each release.

    Raises BluegreenError if there is no earlier release, and the errors of ``deploy``.
    """
    if tell_plan is None:
        _settle_first(request, ctx)
    targets = _targets(request, ctx)
    _refuse_unsafe(targets, request, ctx)
    found = _Images([one.release for one in targets], ctx)
    newest = max(targets, key=lambda one: one.live.id if one.live else 0)
    new_deployment = NewDeployment(
        engine=ctx.engine_id,
        project=ctx.project,
        kind=Kind.ROLLBACK,
        services=tuple(one.release.service for one in targets),
        actor=ctx.caller.actor,
        started_at=ctx.clock.now(),
        message=request.message,
        git_revision=newest.restores.git_revision,
        rollback_of=newest.live.id if newest.live else None,
        restores=max(one.restores.id for one in targets),
    )
    options = DeployOptions(
        timeout=request.timeout,
        recreate_proxy=request.recreate_proxy,
        tell_plan=tell_plan,
        goes_back=all(one.goes_back for one in targets),
        hooks=request.hooks,
        patience=request.patience,
        canary=(),
        bake=False,  # the live release may be bad, and the earlier one was healthy before
    )
    releases = [one.release for one in targets]
    as_it_is = partial(_as_it_is, ctx.project)
    source = ReleaseSource(
        new_deployment,
        releases,
        found.steps(),
        lambda: releases,
        as_it_is,
        options,
        taken_back=[one.taken_back for one in targets if one.taken_back],
    )
    return deploy(source, ctx)


def _refuse_unsafe(
    targets: Sequence[RollbackTarget], request: RollbackRequest, ctx: Context
) -> None:
    """Raises BluegreenError for irreversible changes, and for hooks that no file on this host contains."""
    for one in targets:
        service, to = one.release.service, one.restores.id
        if not request.force:
            irreversible.refuse(tuple(irreversible.since(service, to, ctx)), to)
        if request.hooks:
            hooks.refuse_untrusted(one.release, hooks.moments_for(goes_back=one.goes_back), ctx)
            if one.taken_back:
                hooks.refuse_untrusted(one.taken_back, [Moment.ON_ROLLBACK], ctx)


def _settle_first(request: RollbackRequest, ctx: Context) -> None:
    """Settles interrupted deployments first: the live release must be known to find the earlier one."""
    owner = LockOwner(ctx.caller.actor, "rollback", ctx.clock.now())
    recovery.settle_first(owner, request.patience, ctx)
    for one in interrupted_deployments(ctx):
        raise BluegreenError(
            f"deployment {one.id} stopped {stopped_at(one)}, and the proxy isn't running",
            hint=Hint(Action.UP, " brings it up and settles that"),
        )


def _targets(request: RollbackRequest, ctx: Context) -> list[RollbackTarget]:
    if request.to is not None:
        services = request.services or _released_by(request.to, ctx)
        named = [chosen(service, request.to, ctx) for service in services]
        if not (other := [one for one in named if not one.is_live]):
            what = f"the release of deployment {request.to} is live already"
            raise BluegreenError(what, hint=Hint(Action.STATUS))
        return other
    return _previous_of_all(request.services or _last_released(ctx), ctx)


def _previous_of_all(services: Sequence[str], ctx: Context) -> list[RollbackTarget]:
    """Raises BluegreenError if a service has no earlier release: half a set was never healthy together."""
    found, new = list[RollbackTarget](), list[BluegreenError]()
    for service in services:
        try:
            found.append(previous(service, ctx))
        except BluegreenError as error:
            new.append(error)
    if not new:
        return found
    if not found:
        raise new[0]
    older = tuple(one.release.service for one in found)
    raise BluegreenError(
        f"{new[0].message}, so it can't be rolled back together with {' '.join(older)}",
        hint=Hint(Command(Action.ROLLBACK, older), " leaves it as it is"),
    )


def _released_by(deployment: int, ctx: Context) -> Sequence[str]:
    found = ctx.history.get(deployment)
    if found is None:
        raise UsageError(f"there is no deployment {deployment}", hint=Hint(Action.HISTORY))
    return [part.service for part in found.parts] or found.services


def _last_released(ctx: Context) -> Sequence[str]:
    """Without names: the services that were released together with the newest live release."""
    origins = {
        part.service: origin_of(one, part.service, ctx) or 0
        for one in ctx.history.newest(ctx.project)
        if one.engine == ctx.engine_id and one.state is State.LIVE
        for part in one.parts
        if part.live
    }
    if not origins:
        raise BluegreenError(
            f"no service of {ctx.project} is live, so there is nothing to roll back",
            hint=Hint(Action.HISTORY, "; rollback --to ID brings one of them back"),
        )
    newest = max(origins.values())
    return [service for service, origin in origins.items() if origin == newest]


def _as_it_is(project: str, now: Topology | None) -> Topology:
    """Ports and names stay, because they belong to the current compose file and not to the release."""
    return now or Topology(project)


@dataclass(slots=True)
class _Images:
    releases: Sequence[Release]
    ctx: Context
    images: dict[str, Image] = field(default_factory=dict)

    def steps(self) -> list[Step]:
        return [self._step(release) for release in self.releases]

    def _step(self, release: Release) -> Step:
        image = release.image
        if self.ctx.engine.image(image.id):
            return Step(
                StepKey(StepKind.USE, release.service),
                f"use image {image.short_id}",
                "the engine still has it",
                lambda: image.reference,
            )
        return Step(
            StepKey(StepKind.PULL, release.service),
            f"pull {image.repo_digest or image.reference}",
            "the engine no longer has it",
            partial(self._pull, image),
        )

    def _pull(self, image: Image) -> str:
        if image.repo_digest is None:
            raise BluegreenError(
                f"image {image.short_id} ({image.reference}) was removed, and no registry has it",
                hint=Hint(Action.HISTORY, "; rollback --to ID names another"),
            )
        self.ctx.workloads.pull(image.repo_digest)
        pulled = self.ctx.engine.image(image.repo_digest)
        if pulled is None or pulled.id != image.id:
            raise BluegreenError(f"{image.repo_digest} is no longer the image that was released")
        return "pulled by digest"
