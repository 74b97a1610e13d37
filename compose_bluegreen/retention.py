"""Images: what rollback needs is kept by a tag of ours, what it doesn't is let go.

And the tag in the compose file: where it names a local build, it names the one that serves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from compose_bluegreen.domain import PROVEN, Image, Release, State
from compose_bluegreen.models import built_here, colour_labels
from compose_bluegreen.ports import Ports
from compose_bluegreen.saga import Step
from compose_bluegreen.settings import restored

_LOOK_BACK = 500

_FAILED = "failed-"
"""How the tag of an image begins that somebody asked to keep; nobody but they let it go."""


def steps(project: str, releases: Sequence[Release], at: Ports) -> Iterator[Step]:
    """For releases that have just gone live."""
    for release in releases:
        yield Step(
            f"keep the image of {release.service}",
            "docker image prune must leave what rollback needs",
            partial(at.compose.tag, release.image.id, release.kept_tag),
        )
        if built_here(release):
            yield Step(
                f"point {release.image.reference} at what serves",
                "a plain docker compose up must start nothing else",
                partial(_point, release.image, at),
            )
        yield Step(
            f"let go of old images of {release.service}",
            f"{restored(release.settings).keep} releases are kept",
            partial(_let_go, project, release, at),
        )


def take_back_build(
    reference: str, serving: str | None, before: Image | None, kept_as: str | None, at: Ports
) -> str:
    """After a failed deployment of a local build: nothing may start the broken image by its name.

    ``serving`` is the id of the live image, ``before`` what the name meant until the build,
    ``kept_as`` a prefix under which the broken one stays (None: it is removed).
    """
    broken = at.engine.image(reference)
    good = serving or (before.id if before else None)
    if broken is None or broken.id == good:
        return ""
    said = ""
    if kept_as:
        name = f"{kept_as}:{_FAILED}{broken.short_id}"
        at.compose.tag(broken.id, name)
        said = f"the failed image is {name}"
    if good:
        at.compose.tag(good, reference)
    else:
        at.compose.untag(reference)
    if not at.engine.tags(broken.id):
        at.compose.remove_image(broken.id)
    return said


def _point(image: Image, at: Ports) -> str:
    now = at.engine.image(image.reference)
    if now and now.id == image.id:
        return "it does"
    at.compose.tag(image.id, image.reference)
    return ""


def _let_go(project: str, release: Release, at: Ports) -> str:
    service, engine = release.service, at.engine.identity()
    kept = [release.image.id]
    for deployment in at.history.newest(project, service=service, limit=_LOOK_BACK):
        part = deployment.part(service)
        known = deployment.engine == engine and deployment.state in PROVEN | {State.ROLLED_BACK}
        if part and known and part.release.image.id not in kept:
            kept.append(part.release.image.id)
    used = {one.image_id for one in at.engine.containers(colour_labels(project))}
    safe = used | set(kept[: restored(release.settings).keep])
    old = [
        tag
        for tag, image in at.engine.tagged(release.kept_tag.rpartition(":")[0]).items()
        if image not in safe and not tag.rpartition(":")[2].startswith(_FAILED)
    ]
    for tag in old:
        at.compose.untag(tag)
    return f"{len(old)} let go" if old else ""
