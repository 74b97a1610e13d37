"""Several services as one release: which of them start side by side. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from compose_bluegreen.domain.release import Release, after, in_order

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
