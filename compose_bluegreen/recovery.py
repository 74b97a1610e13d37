"""What a killed process left behind, settled by the next one that holds the lock."""

from __future__ import annotations

from compose_bluegreen.domain import Deployment, State
from compose_bluegreen.ports import Ports


def settle(engine: str, project: str, at: Ports) -> None:
    """An unfinished deployment under a free lock was killed; the proxy says how far it got."""
    for deployment in at.history.unfinished(engine, project):
        step = f"at “{deployment.steps[-1].name}”" if deployment.steps else "before its first step"
        if deployment.state is State.SWITCHING and _is_live(deployment, at):
            at.history.promote(deployment.id, at.clock.now())
            at.observer.remark(
                f"deployment {deployment.id} was killed {step}: its release is live and stays"
            )
            continue
        reason = f"killed {step}; what served before still serves"
        at.history.to(deployment.id, State.INTERRUPTED, at.clock.now(), reason)
        at.observer.remark(f"deployment {deployment.id} was {reason}")


def _is_live(deployment: Deployment, at: Ports) -> bool:
    routes = at.proxy.routes()
    return all(routes.get(part.service) is part.colour for part in deployment.parts)
