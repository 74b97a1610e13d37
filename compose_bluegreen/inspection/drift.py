"""Drift: the differences between what runs now and what the last deployment left."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.hints import Action, Hint

REPAIR = Hint(Action.REPAIR)


class DriftKind(StrEnum):
    """The kinds of drift, in the order in which ``status`` reports and ``repair`` fixes them.

    Missing networks come before the proxy that is attached to them, the proxy before its routes.
    """

    STUCK = "stuck"
    """Undoing a deployment failed."""
    UNFINISHED = "unfinished"
    """A deployment was killed before it ended."""
    PROXY_LOST = "proxy_lost"
    """The proxy's container and its volume are gone."""
    PROXY_GONE = "proxy_gone"
    """The proxy's container was removed."""
    PROXY_STOPPED = "proxy_stopped"
    """The proxy's container was stopped."""
    PROXY_SUBSTITUTED = "proxy_substituted"
    """HAProxy of an earlier image serves, because its successor has ended."""
    NETWORK_GONE = "network_gone"
    """A network was removed."""
    PROXY_DISCONNECTED = "proxy_disconnected"
    """The proxy was disconnected from a network."""
    MAP_DIFFERS = "map_differs"
    """The routing map on the disk differs from HAProxy's memory. A restart would route differently.
    """
    LIVE_STOPPED = "live_stopped"
    """A container of the live colour was stopped."""
    LIVE_PAUSED = "live_paused"
    """A container of the live colour was paused."""
    LIVE_GONE = "live_gone"
    """A container of the live colour was removed."""
    LIVE_DISCONNECTED = "live_disconnected"
    """A container of the live colour was disconnected from a network."""
    LIVE_UNHEALTHY = "live_unhealthy"
    """HAProxy finds a replica of the live colour unhealthy."""
    NOT_ROUTED = "not_routed"
    """The routing map has no live colour for the service."""
    ROUTED_TO_NOTHING = "routed_to_nothing"
    """The routing map names a colour that has no containers."""
    ROUTED_ELSEWHERE = "routed_elsewhere"
    """Both colours run, and the proxy routes to the colour that is not live in history."""
    HISTORY_DIFFERS = "history_differs"
    """History has another deployment as live than the running deployment."""
    LABELS_DIFFER = "labels_differ"
    """The labels of the running containers name another release."""
    UNLABELLED = "unlabelled"
    """A container without our labels has the address of a replica."""
    IMPOSTOR = "impostor"
    """A container that compose-bluegreen did not create has the labels of a replica."""
    WAITING_UNWELL = "waiting_unwell"
    """A deployment that waits for promotion is not healthy any more."""
    LEFTOVER = "leftover"
    """An idle colour still runs."""
    STRAY = "stray"
    """`docker compose` created a container of a service that is released here."""
    IMAGE_UNNAMED = "image_unnamed"
    """A kept image lost the tag that protects it from `docker image prune`."""
    ROLLBACK_GONE = "rollback_gone"
    """The image for a rollback is gone and no registry has it."""
    OPEN_RANGE = "open_range"
    """A range of addresses in the settings contains the gateway by which visitors over IPv6 come."""

    @property
    def rank(self) -> int:
        return list(DriftKind).index(self)


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference: ``kind`` is for programs, ``problem`` and ``remedy`` are for people.

    ``repairable``: there is only one remedy, and ``repair`` applies it. The fields after it name the
    affected containers, colour, network, or image and tag.
    """

    kind: DriftKind
    problem: str
    remedy: Hint
    service: str = ""
    repairable: bool = False
    containers: tuple[str, ...] = ()
    colour: Colour | None = None
    network: str = ""
    image_id: str = ""
    tag: str = ""
