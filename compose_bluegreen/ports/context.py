"""The context of one command: its project, its caller, and its ports."""

from __future__ import annotations

from dataclasses import dataclass

from compose_bluegreen.domain.caller import Caller
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.deployment import DeployedService, Deployment
from compose_bluegreen.domain.project_ref import ProjectRef
from compose_bluegreen.ports.engine import Container, Engine
from compose_bluegreen.ports.history import History
from compose_bluegreen.ports.lock import Lock
from compose_bluegreen.ports.powers import Powers
from compose_bluegreen.ports.proxy import Proxy
from compose_bluegreen.ports.runner import Runner
from compose_bluegreen.ports.system import Clock, Observer
from compose_bluegreen.ports.workloads import ColourRelease, Workloads


@dataclass(frozen=True, slots=True)
class Context:
    """A command gets one context and passes it to everything that it calls. ``ref`` names the project
    on its engine."""

    ref: ProjectRef
    caller: Caller
    workloads: Workloads
    engine: Engine
    proxy: Proxy
    runner: Runner
    powers: Powers
    history: History
    lock: Lock
    clock: Clock
    observer: Observer

    @property
    def project(self) -> str:
        return self.ref.name

    @property
    def engine_id(self) -> str:
        return self.ref.engine

    def live_deployment(self, service: str) -> Deployment | None:
        """The deployment of this service that is live in history."""
        return self.history.live(self.ref, service)

    def live_part(self, service: str) -> DeployedService | None:
        """The live release of this service in history, with its colour."""
        deployment = self.live_deployment(service)
        return deployment.part(service) if deployment else None

    def live_colour(self, service: str) -> ColourRelease | None:
        """The live release of this service in history, with the values by which it was started."""
        deployment = self.live_deployment(service)
        part = deployment.part(service) if deployment else None
        if deployment is None or part is None:
            return None
        colour_addresses = self.proxy.colour_addresses(service, part.colour)
        return ColourRelease(part.release, part.colour, deployment.id, colour_addresses)

    def colour_containers(
        self, service: str | None = None, colour: Colour | None = None
    ) -> list[Container]:
        """The containers of a colour, of both colours, or of the whole project, in any state."""
        return self.engine.colour_containers(self.project, service, colour)

    def routed_containers(self, service: str) -> list[Container]:
        """The containers of the colour to which the proxy routes this service; none without one."""
        colour = self.proxy.routes().get(service)
        return self.colour_containers(service, colour) if colour else []

    def compose_containers(self, service: str) -> list[Container]:
        """The containers that ``docker compose`` made for this service in the user's project."""
        return self.engine.compose_containers(self.project, service)
