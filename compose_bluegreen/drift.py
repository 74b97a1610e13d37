"""What can differ from how we left it: each kind with its cause and its cure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

REPAIR = "docker bluegreen repair"
DECIDE = "docker bluegreen promote switches to it, docker bluegreen abort takes it away"
"""What a person may do about a deployment that waits."""


class DriftKind(StrEnum):
    """In the order in which they are told, and in which ``repair`` cures them.

    What a network lacks comes before the proxy on it, the proxy before what it routes to.
    """

    STUCK = "stuck"
    UNFINISHED = "unfinished"
    PROXY_LOST = "proxy_lost"
    PROXY_GONE = "proxy_gone"
    PROXY_STOPPED = "proxy_stopped"
    NETWORK_GONE = "network_gone"
    PROXY_DISCONNECTED = "proxy_disconnected"
    MAP_DIFFERS = "map_differs"
    LIVE_STOPPED = "live_stopped"
    LIVE_PAUSED = "live_paused"
    LIVE_GONE = "live_gone"
    LIVE_DISCONNECTED = "live_disconnected"
    LIVE_UNHEALTHY = "live_unhealthy"
    NOT_ROUTED = "not_routed"
    ROUTED_TO_NOTHING = "routed_to_nothing"
    ROUTED_ELSEWHERE = "routed_elsewhere"
    HISTORY_DIFFERS = "history_differs"
    LABELS_DIFFER = "labels_differ"
    UNLABELLED = "unlabelled"
    IMPOSTOR = "impostor"
    WAITING_UNWELL = "waiting_unwell"
    LEFTOVER = "leftover"
    STRAY = "stray"
    IMAGE_UNNAMED = "image_unnamed"
    ROLLBACK_GONE = "rollback_gone"

    @property
    def rank(self) -> int:
        return list(DriftKind).index(self)


@dataclass(frozen=True, slots=True)
class Drift:
    """Something is not as we left it: ``kind`` for programs, ``cause`` and ``cure`` for people.

    ``names`` are what it is about: containers, a container and a network, an image and its tag.
    """

    kind: DriftKind
    cause: str
    cure: str
    service: str = ""
    names: tuple[str, ...] = ()

    @property
    def repairable(self) -> bool:
        """It has exactly one cure, which nobody could object to."""
        return self.cure == REPAIR
