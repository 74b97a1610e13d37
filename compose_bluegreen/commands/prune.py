"""``prune``: removes old images and expired standby colours, as each release also does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass

from compose_bluegreen.config.requests import PruneRequest
from compose_bluegreen.config.settings_reader import restored
from compose_bluegreen.domain.deployment import DeployedService
from compose_bluegreen.domain.release import kept_repository
from compose_bluegreen.domain.states import WENT_LIVE
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.lock import LockOwner
from compose_bluegreen.steps import standby
from compose_bluegreen.steps.images import Surplus, drop, is_failed, surplus
from compose_bluegreen.steps.locking import alone
from compose_bluegreen.steps.rollout import remove_all


@dataclass(frozen=True, slots=True)
class Pruned:
    """``images`` are names of images that were removed, or would be on a dry run. ``failed`` are
    names of images that stay because ``up --keep-failed`` kept them. ``ended`` are colours that
    were removed because their standby is over."""

    images: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()


def prune(request: PruneRequest, ctx: Context) -> Pruned:
    """Raises LockHeld during a deployment, because its images look unused until they run."""
    owner = LockOwner(ctx.caller.actor, "prune", ctx.clock.now())
    with nullcontext() if request.dry_run else alone(owner, None, ctx):
        parts = _newest(ctx)
        failed = {name: image for part in parts for name, image in _failed(part, ctx)}
        old = [surplus_image for part in parts for surplus_image in _old(part, ctx)]
        if request.failed:
            used = ctx.engine.used_images()
            old += [Surplus(id_, (name,)) for name, id_ in failed.items() if id_ not in used]
        ended = standby.expired(ctx)
        if not request.dry_run:
            remove_all(ended, ctx)
            for surplus_image in old:
                drop(surplus_image, ctx)
    images = tuple(name for surplus_image in old for name in surplus_image.names)
    stay = tuple(name for name in failed if name not in images)
    return Pruned(images, stay, tuple(f"{rollout.service}-{colour}" for rollout, colour in ended))


def _newest(ctx: Context) -> list[DeployedService]:
    """The newest healthy release of each service: its settings say how many images to keep."""
    newest: dict[str, DeployedService] = {}
    for deployment in ctx.history.newest(ctx.project):
        if deployment.engine == ctx.engine_id and deployment.state in WENT_LIVE:
            for part in deployment.parts:
                newest.setdefault(part.service, part)
    return [newest[service] for service in sorted(newest)]


def _old(part: DeployedService, ctx: Context) -> list[Surplus]:
    keep = restored(part.release.settings).keep
    return surplus(part.service, keep, None, ctx)


def _failed(part: DeployedService, ctx: Context) -> Iterator[tuple[str, str]]:
    tags = ctx.engine.tagged(kept_repository(ctx.project, part.service))
    yield from ((name, image) for name, image in tags.items() if is_failed(name))
