"""Several services as one: which start side by side, and in which compose files. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from compose_bluegreen.domain.labels import LABEL
from compose_bluegreen.domain.release import Model, Release, after

_SHARED = ("networks", "volumes", "configs", "secrets")
_STARTED = "service_started"


def waves(releases: Sequence[Release]) -> list[list[Release]]:
    """Each wave starts at once, when the one before it is well.

    A service is in a later wave than those that must be healthy before it. Of what isn't among
    ``releases``, the live colour serves meanwhile.
    """
    ranks: dict[str, int] = {}
    for release in in_order(releases):
        known = ((ranks[name], how) for name, how in after(release).items() if name in ranks)
        ranks[release.service] = max((rank + (how != _STARTED) for rank, how in known), default=0)
    numbers = range(max(ranks.values(), default=-1) + 1)
    return [[one for one in releases if ranks[one.service] == number] for number in numbers]


def merged(models: Sequence[tuple[Release, Model]]) -> list[Model]:
    """The colours of one wave in as few files as say the same, so that Compose starts them at once.

    ``depends_on`` holds within a file, and no file needs one that comes after it.
    """
    own = {release.service: model for release, model in models}
    found: list[Model] = []
    for release in in_order([release for release, _ in models]):
        model = own[release.service]
        if not found or _contradict(found[-1], model):
            found.append({"name": model["name"], "services": {}})
        _add(release, model, found[-1])
    return found


def in_order(releases: Sequence[Release]) -> list[Release]:
    """Each after what it depends on. A circle, which Compose refuses, comes as it is."""
    waiting = {release.service: release for release in releases}
    found = []
    while waiting:
        ready = [name for name, one in waiting.items() if not after(one).keys() & waiting.keys()]
        found += [waiting.pop(name) for name in ready or list(waiting)]
    return found


def _add(release: Release, model: Model, file: Model) -> None:
    needed = {
        name: {"condition": _STARTED}
        for name, own in file["services"].items()
        if own["labels"][f"{LABEL}.service"] in after(release)
    }
    for name, own in model["services"].items():
        file["services"][name] = {**own, "depends_on": needed} if needed else own
    for kind in _SHARED:
        if kind in model:
            file[kind] = {**file.get(kind, {}), **model[kind]}


def _contradict(one: Model, other: Model) -> bool:
    """Two releases of different days may mean different things by one name."""
    return any(
        one[kind][name] != other[kind][name]
        for kind in _SHARED
        for name in one.get(kind, {}).keys() & other.get(kind, {}).keys()
    )
