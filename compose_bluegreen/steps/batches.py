"""Which services of one deployment start at the same time. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from compose_bluegreen.domain.release import Release, after, in_order

_STARTED = "service_started"


def waves(releases: Sequence[Release]) -> list[list[Release]]:
    """The releases of a wave start together, after the wave before it is healthy.

    A service is in a later wave than the services that must be healthy before it. A dependency that is
    not among ``releases`` is live already.
    """
    ranks: dict[str, int] = {}
    for release in in_order(releases):
        known = (
            (ranks[name], condition) for name, condition in after(release).items() if name in ranks
        )
        ranks[release.service] = max(
            (rank + (condition != _STARTED) for rank, condition in known), default=0
        )
    numbers = range(max(ranks.values(), default=-1) + 1)
    return [
        [release for release in releases if ranks[release.service] == number] for number in numbers
    ]
