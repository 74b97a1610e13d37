"""Images: what rollback needs is kept by a tag of ours, what it doesn't is let go.

And the tag in the compose file: where it names a local build, it names the one that serves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from compose_bluegreen.config.settings_reader import restored
from compose_bluegreen.domain.release import Image, Release, built_here, kept_repository
from compose_bluegreen.domain.states import ROLLBACK_CANDIDATES, State
from compose_bluegreen.domain.step_keys import StepKey, StepKind
from compose_bluegreen.ports.context import Context
from compose_bluegreen.steps.saga import Step

_LOOK_BACK = 500

_HUB = re.compile(r"^(docker\.io/)?(library/)?")

_FAILED = "failed-"
"""How the tag of an image begins that somebody asked to keep; nobody but they let it go."""


def steps(releases: Sequence[Release], ctx: Context) -> Iterator[Step]:
    """For releases that have just gone live."""
    for release in releases:
        yield Step(
            StepKey.of(StepKind.IMAGE, "keep", release.service),
            f"keep the image of {release.service}",
            "docker image prune must leave what rollback needs",
            partial(ctx.workloads.tag, release.image.id, release.kept_tag),
        )
        if built_here(release):
            yield Step(
                StepKey.of(StepKind.IMAGE, "point", release.service),
                f"point {release.image.reference} at what serves",
                "a plain docker compose up must start nothing else",
                partial(_point, release.image, ctx),
            )
        yield Step(
            StepKey.of(StepKind.IMAGE, "prune", release.service),
            f"let go of old images of {release.service}",
            f"{restored(release.settings).keep} releases are kept",
            partial(_let_go, release, ctx),
        )


def take_back_build(
    reference: str, serving: str | None, before: Image | None, kept_as: str | None, ctx: Context
) -> str:
    """After a failed deployment of a local build: nothing may start the broken image by its name.

    ``serving`` is the id of the live image, ``before`` what the name meant until the build,
    ``kept_as`` a prefix under which the broken one stays (None: it is removed).
    """
    broken = ctx.engine.image(reference)
    good = serving or (before.id if before else None)
    if broken is None or broken.id == good:
        return ""
    said = ""
    if kept_as:
        name = f"{kept_as}:{_FAILED}{broken.short_id}"
        ctx.workloads.tag(broken.id, name)
        said = f"the failed image is {name}"
    if good:
        ctx.workloads.tag(good, reference)
    else:
        ctx.workloads.untag(reference)
    if not ctx.engine.tags(broken.id):
        ctx.workloads.remove_image(broken.id)
    return said


def point_at_what_serves(release: Release, ctx: Context) -> None:
    """The name of a local build, if anything of ours serves: what it meant before is known to
    nobody any more. The image that it named stays."""
    service = release.service
    colour = ctx.proxy.routes().get(service)
    live = ctx.colour_containers(service, colour) if colour else []
    if live:
        ctx.workloads.tag(live[0].image_id, release.image.reference)


def forget(release: Release, ctx: Context) -> None:
    """Lets go of an image that was kept, and never served."""
    if release.image.id not in _released(release.service, ctx)[1]:
        drop(Surplus(release.image.id, (release.kept_tag,)), ctx)


def _point(image: Image, ctx: Context) -> str:
    now = ctx.engine.image(image.reference)
    if now and now.id == image.id:
        return "it does"
    ctx.workloads.tag(image.id, image.reference)
    return ""


def _let_go(release: Release, ctx: Context) -> str:
    keep = restored(release.settings).keep
    old = surplus(release.service, keep, release.image.id, ctx)
    for each in old:
        drop(each, ctx)
    return f"{len(old)} let go" if old else ""


@dataclass(frozen=True, slots=True)
class Surplus:
    """An image that nobody runs and no rollback within ``keep`` needs.

    ``names`` are ours, and those by which it was released; others that it bears are not ours to
    take.
    """

    image_id: str
    names: tuple[str, ...]


def surplus(service: str, keep: int, serving: str | None, ctx: Context) -> list[Surplus]:
    """What is beyond the ``keep`` newest releases of a service. ``serving`` is the live image's id.

    An image that this history never heard of was kept by somebody else's, and goes last.
    """
    ours = {
        name: image
        for name, image in ctx.engine.tagged(kept_repository(ctx.project, service)).items()
        if not is_failed(name)
    }
    released_as, newest = _released(service, ctx)
    first = [serving] if serving else []
    kept = list(dict.fromkeys([*first, *newest, *ours.values()]))[:keep]
    found: dict[str, list[str]] = {}
    # Ours first: with the last name of its own repository an image loses its digest too.
    for name, image in [*ours.items(), *_still_named(released_as, ctx)]:
        if image not in kept:
            found.setdefault(image, []).append(name)
    used = ctx.engine.used_images() if found else set()
    return [Surplus(image, tuple(names)) for image, names in found.items() if image not in used]


def _still_named(released_as: Mapping[str, set[str]], ctx: Context) -> Iterator[tuple[str, str]]:
    """Names that a release was made by and that nobody has given to another image since."""
    wanted = {(name, image) for image, names in released_as.items() for name in names}
    for repository in sorted({name.rpartition(":")[0] for name, _ in wanted}):
        for row in ctx.engine.tagged(repository).items():
            if row in wanted:
                yield row


def drop(old: Surplus, ctx: Context) -> None:
    for name in old.names:
        ctx.workloads.untag(name)
    # One that was pulled by its digest, or whose tag has moved on, has no name left to go with.
    if not ctx.engine.tags(old.image_id):
        ctx.workloads.remove_image(old.image_id)


def is_failed(name: str) -> bool:
    """Whether ``--keep-failed`` gave it this name."""
    return name.rpartition(":")[2].startswith(_FAILED)


def _released(service: str, ctx: Context) -> tuple[dict[str, set[str]], list[str]]:
    """Image ids with the tags that they were released by, and those that were well, newest first."""
    engine, names, well = ctx.engine_id, dict[str, set[str]](), list[str]()
    for deployment in ctx.history.newest(ctx.project, service=service, limit=_LOOK_BACK):
        part = deployment.part(service)
        if part is None or deployment.engine != engine:
            continue
        image = part.release.image
        if tag := _tag(image.reference):
            names.setdefault(image.id, set()).add(tag)
        if deployment.state in ROLLBACK_CANDIDATES | {State.ROLLED_BACK}:
            well.append(image.id)
    return names, well


def _tag(reference: str) -> str | None:
    """As Docker lists it: with its tag, and without what it adds to names of Docker Hub."""
    if "@" in reference or reference.startswith("sha256:"):
        return None
    bare = _HUB.sub("", reference)
    return bare if ":" in bare.rpartition("/")[2] else f"{bare}:latest"
