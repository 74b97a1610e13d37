"""Images: a tag keeps each image that a rollback needs, and other images are removed.

The tag in the compose file, if it names a local build, points at the live image.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from compose_bluegreen.config.settings_reader import restored
from compose_bluegreen.domain.release import Image, Release, built_here, kept_repository
from compose_bluegreen.domain.states import WENT_LIVE
from compose_bluegreen.domain.step_keys import StepKey, StepKind
from compose_bluegreen.ports.context import Context
from compose_bluegreen.steps.saga import Step

_LOOK_BACK = 500

_HUB = re.compile(r"^(docker\.io/)?(library/)?")

_FAILED = "failed-"
"""Prefix of tags of failed images that a user keeps; only ``prune --failed`` removes them."""


def steps(releases: Sequence[Release], ctx: Context) -> Iterator[Step]:
    """Steps for releases that have just become live."""
    for release in releases:
        yield Step(
            StepKey.of(StepKind.IMAGE, "keep", release.service),
            f"keep the image of {release.service}",
            "docker image prune must not remove images for a rollback",
            partial(ctx.workloads.tag, release.image.id, release.kept_tag),
        )
        if built_here(release):
            yield Step(
                StepKey.of(StepKind.IMAGE, "point", release.service),
                f"point {release.image.reference} at the live image",
                "docker compose up must start the same image",
                partial(_point, release.image, ctx),
            )
        yield Step(
            StepKey.of(StepKind.IMAGE, "prune", release.service),
            f"remove old images of {release.service}",
            f"{restored(release.settings).keep} releases are kept",
            partial(_remove_old, release, ctx),
        )


def take_back_build(
    reference: str, serving: str | None, before: Image | None, kept_as: str | None, ctx: Context
) -> str:
    """After a failed deployment of a local build: the tag must not start the broken image.

    ``serving`` is the id of the live image, ``before`` the image of the tag before the build. The
    broken image stays under a tag with the prefix ``kept_as``; with None it is removed.
    """
    broken = ctx.engine.image(reference)
    good = serving or (before.id if before else None)
    if broken is None or broken.id == good:
        return ""
    remark = ""
    if kept_as:
        name = f"{kept_as}:{_FAILED}{broken.short_id}"
        ctx.workloads.tag(broken.id, name)
        remark = f"the failed image is {name}"
    if good:
        ctx.workloads.tag(good, reference)
    else:
        ctx.workloads.untag(reference)
    if not ctx.engine.tags(broken.id):
        ctx.workloads.remove_image(broken.id)
    return remark


def point_at_live(release: Release, ctx: Context) -> None:
    """Points the tag of a local build at the live image, if there is one. The image of the tag stays."""
    if live := ctx.routed_containers(release.service):
        ctx.workloads.tag(live[0].image_id, release.image.reference)


def forget(release: Release, ctx: Context) -> None:
    """Removes an image that was kept, but never was live."""
    if release.image.id not in _released(release.service, ctx)[1]:
        drop(Surplus(release.image.id, (release.kept_tag,)), ctx)


def _point(image: Image, ctx: Context) -> str:
    now = ctx.engine.image(image.reference)
    if now and now.id == image.id:
        return "it does already"
    ctx.workloads.tag(image.id, image.reference)
    return ""


def _remove_old(release: Release, ctx: Context) -> str:
    keep = restored(release.settings).keep
    old = surplus(release.service, keep, release.image.id, ctx)
    for surplus_image in old:
        drop(surplus_image, ctx)
    return f"{len(old)} removed" if old else ""


@dataclass(frozen=True, slots=True)
class Surplus:
    """An image that no container uses and no rollback within ``keep`` needs.

    ``names`` are our tags and the tags by which it was released. Its other tags stay.
    """

    image_id: str
    names: tuple[str, ...]


def surplus(service: str, keep: int, serving: str | None, ctx: Context) -> list[Surplus]:
    """The images beyond the ``keep`` newest releases of a service. ``serving`` is the live image's id.

    An image that is not in this history was kept by another history, and is removed last.
    """
    ours = {
        name: image
        for name, image in ctx.engine.tagged(kept_repository(ctx.project, service)).items()
        if not is_failed(name)
    }
    released_as, newest = _released(service, ctx)
    first = [serving] if serving else []
    kept = list(dict.fromkeys([*first, *newest, *ours.values()]))[:keep]
    names_by_image: dict[str, list[str]] = {}
    # Our tags first: without a tag of its own repository, an image loses its digest as well.
    for name, image in [*ours.items(), *_still_named(released_as, ctx)]:
        if image not in kept:
            names_by_image.setdefault(image, []).append(name)
    used = ctx.engine.used_images() if names_by_image else set()
    return [
        Surplus(image, tuple(names)) for image, names in names_by_image.items() if image not in used
    ]


def _still_named(released_as: Mapping[str, set[str]], ctx: Context) -> Iterator[tuple[str, str]]:
    """Tags by which a release was made and that still point at its image."""
    wanted = {(name, image) for image, names in released_as.items() for name in names}
    for repository in sorted({name.rpartition(":")[0] for name, _ in wanted}):
        for row in ctx.engine.tagged(repository).items():
            if row in wanted:
                yield row


def drop(old: Surplus, ctx: Context) -> None:
    for name in old.names:
        ctx.workloads.untag(name)
    # An image that was pulled by its digest, or whose tag has moved, has no tag to remove it by.
    if not ctx.engine.tags(old.image_id):
        ctx.workloads.remove_image(old.image_id)


def is_failed(name: str) -> bool:
    """Whether ``--keep-failed`` gave it this name."""
    return name.rpartition(":")[2].startswith(_FAILED)


def _released(service: str, ctx: Context) -> tuple[dict[str, set[str]], list[str]]:
    """Image ids with the tags by which they were released, and the ids that were healthy, newest first."""
    engine, names, healthy_ids = ctx.engine_id, dict[str, set[str]](), list[str]()
    for deployment in ctx.history.newest(ctx.project, service=service, limit=_LOOK_BACK):
        part = deployment.part(service)
        if part is None or deployment.engine != engine:
            continue
        image = part.release.image
        if tag := _tag(image.reference):
            names.setdefault(image.id, set()).add(tag)
        if deployment.state in WENT_LIVE:
            healthy_ids.append(image.id)
    return names, healthy_ids


def _tag(reference: str) -> str | None:
    """As Docker lists it: with its tag, and without the prefix of Docker Hub."""
    if "@" in reference or reference.startswith("sha256:"):
        return None
    bare = _HUB.sub("", reference)
    return bare if ":" in bare.rpartition("/")[2] else f"{bare}:latest"
