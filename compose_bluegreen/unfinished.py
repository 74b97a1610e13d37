"""Deployments that were begun and have no end."""

from __future__ import annotations

from compose_bluegreen.domain import PROVEN, Deployment, State
from compose_bluegreen.ports import Ports

_LOOK_BACK = 50
"""Nothing is deployed past one that is stuck, so it is among the newest."""


def unfinished(engine: str, project: str, at: Ports) -> list[Deployment]:
    """Oldest first: under way, killed, or stuck. With what is needed to finish them."""
    ids = {one.id for one in at.history.unfinished(engine, project)}
    ids |= _stuck(engine, project, at)
    found = (at.history.get(one) for one in sorted(ids))
    return [one for one in found if one]


def _stuck(engine: str, project: str, at: Ports) -> set[int]:
    """Not what somebody has deployed past: a later release that went live has settled it."""
    found = set()
    for one in at.history.newest(project, limit=_LOOK_BACK):
        if one.engine != engine:
            continue
        if one.state in PROVEN | {State.ROLLED_BACK}:
            break
        if one.state is State.STUCK:
            found.add(one.id)
    return found
