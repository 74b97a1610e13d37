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
from compose_bluegreen.domain.hints import Action, Command, Flag, Hint
from compose_bluegreen.domain.release import Image, Release
from compose_bluegreen.domain.states import State
from compose_bluegreen.domain.step_keys import StepKey, StepKind
from compose_bluegreen.domain.topology import Topology
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.lock import LockOwner
from compose_bluegreen.steps import hooks, irreversible, powers
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
    _refuse_gained_powers(targets, request, tell_plan, ctx)
    images = _Images([target.release for target in targets], ctx)
    newest = max(targets, key=lambda target: target.live.id if target.live else 0)
    new_deployment = NewDeployment(
        engine=ctx.engine_id,
        project=ctx.project,
        kind=Kind.ROLLBACK,
        services=tuple(target.release.service for target in targets),
        actor=ctx.caller.actor,
        started_at=ctx.clock.now(),
        message=request.message,
        git_revision=newest.restores.git_revision,
        rollback_of=newest.live.id if newest.live else None,
        restores=max(target.restores.id for target in targets),
    )
    options = DeployOptions(
        timeout=request.timeout,
        recreate_proxy=request.recreate_proxy,
        tell_plan=tell_plan,
        goes_back=all(target.goes_back for target in targets),
        hooks=request.hooks,
        patience=request.patience,
        canary=(),
        bake=False,  # the live release may be bad, and the earlier one was healthy before
    )
    releases = [target.release for target in targets]
    as_it_is = partial(_as_it_is, ctx.project)
    source = ReleaseSource(
        new_deployment,
        releases,
        images.steps(),
        lambda: releases,
        as_it_is,
        options,
        partial(powers.note, releases if request.force else (), ctx),
        taken_back=[target.taken_back for target in targets if target.taken_back],
    )
    return deploy(source, ctx)


def _refuse_unsafe(
    targets: Sequence[RollbackTarget], request: RollbackRequest, ctx: Context
) -> None:
    """Raises BluegreenError for irreversible changes, and for hooks that no file on this host contains."""
    for target in targets:
        service, deployment = target.release.service, target.restores.id
        if not request.force:
            irreversible.refuse(tuple(irreversible.since(service, deployment, ctx)), deployment)
        if request.hooks:
            hooks.refuse_untrusted(
                target.release, hooks.moments_for(goes_back=target.goes_back), ctx
            )
            if target.taken_back:
                hooks.refuse_untrusted(target.taken_back, [Moment.ON_ROLLBACK], ctx)


def _refuse_gained_powers(
    targets: Sequence[RollbackTarget],
    request: RollbackRequest,
    tell_plan: TellPlan | None,
    ctx: Context,
) -> None:
    """Raises BluegreenError. With an agreement, and on a dry run, it only says what is gained."""
    found = [(target.restores.id, target.release) for target in targets]
    if request.force or tell_plan:
        for sentence in powers.gains(found, ctx):
            ctx.observer.remark(f"{sentence}{'' if request.force else '; it needs --force'}")
        return
    flags = (Flag.FORCE,)
    command = Command(Action.ROLLBACK, request.services, deployment=request.to, flags=flags)
    powers.refuse(found, Hint("if you want that, ", command), ctx)


def _settle_first(request: RollbackRequest, ctx: Context) -> None:
    """Settles interrupted deployments first: the live release must be known to find the earlier one."""
    owner = LockOwner(ctx.caller.actor, "rollback", ctx.clock.now())
    recovery.settle_first(owner, request.patience, ctx)
    for deployment in interrupted_deployments(ctx):
        raise BluegreenError(
            f"deployment {deployment.id} stopped {stopped_at(deployment)},"
            " and the proxy isn't running",
            hint=Hint(Action.UP, " brings it up and settles that"),
        )


def _targets(request: RollbackRequest, ctx: Context) -> list[RollbackTarget]:
    if request.to is not None:
        services = request.services or _released_by(request.to, ctx)
        named = [chosen(service, request.to, ctx) for service in services]
        if not (changed := [target for target in named if not target.is_live]):
            message = f"the release of deployment {request.to} is live already"
            raise BluegreenError(message, hint=Hint(Action.STATUS))
        return changed
    return _previous_of_all(request.services or _last_released(ctx), ctx)


def _previous_of_all(services: Sequence[str], ctx: Context) -> list[RollbackTarget]:
    """Raises BluegreenError if a service has no earlier release: half a set was never healthy together."""
    targets, errors = list[RollbackTarget](), list[BluegreenError]()
    for service in services:
        try:
            targets.append(previous(service, ctx))
        except BluegreenError as error:
            errors.append(error)
    if not errors:
        return targets
    if not targets:
        raise errors[0]
    older = tuple(target.release.service for target in targets)
    raise BluegreenError(
        f"{errors[0].message}, so it can't be rolled back together with {' '.join(older)}",
        hint=Hint(Command(Action.ROLLBACK, older), " leaves it as it is"),
    )


def _released_by(deployment: int, ctx: Context) -> Sequence[str]:
    record = ctx.history.get(deployment)
    if record is None:
        raise UsageError(f"there is no deployment {deployment}", hint=Hint(Action.HISTORY))
    return [part.service for part in record.parts] or record.services


def _last_released(ctx: Context) -> Sequence[str]:
    """Without names: the services that were released together with the newest live release."""
    origins = {
        part.service: origin_of(deployment, part.service, ctx) or 0
        for deployment in ctx.history.newest(ctx.project)
        if deployment.engine == ctx.engine_id and deployment.state is State.LIVE
        for part in deployment.parts
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
