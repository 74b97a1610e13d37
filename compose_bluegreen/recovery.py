"""What a killed process left behind, settled by the next one that holds the lock."""

from __future__ import annotations

from compose_bluegreen.domain import Deployment, State
from compose_bluegreen.ports import Ports
from compose_bluegreen.routes import reached


def settle(engine: str, project: str, at: Ports) -> None:
    """An unfinished deployment under a free lock was killed; the proxy says how far it got."""
    _forget_routes_that_nobody_reaches(at)
    for unfinished in at.history.unfinished(engine, project):
        deployment = at.history.get(unfinished.id) or unfinished
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


def _forget_routes_that_nobody_reaches(at: Ports) -> None:
    """Killed before it took over: what the proxy proved, the user's own container still serves."""
    routes = at.proxy.routes()
    live = reached(routes, at.proxy.topology())
    lost = {name: None for name, colour in routes.items() if colour and name not in live}
    if lost:
        at.proxy.route_to(lost)


def _is_live(deployment: Deployment, at: Ports) -> bool:
    routes = at.proxy.routes()
    return all(routes.get(part.service) is part.colour for part in deployment.parts)
