"""Somebody who asks all the time: whether he would be answered, and by which colour."""

from __future__ import annotations

from random import Random

from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.topology import NO_ROUTE
from testkit.fakes.world import Box, Request
from testkit.simulation.machine import SimulatedWorld

_OFTEN = 0.03


class Visitor:
    def __init__(self, world: SimulatedWorld, random: Random) -> None:
        self._world = world
        self._random = random
        self.asked = 0

    def answered(self) -> dict[str, bool]:
        """Whether each service that is routed would answer a request by every replica."""
        world = self._world
        notes = world.notes
        if not notes.topology or not world.proxy_runs():
            return {}
        self.asked += 1
        return {
            route.service: self._answers(route.service, colour)
            for route in notes.topology.routes
            if (colour := notes.memory.get(route.service)) and not route.is_worker
        }

    def visit(self) -> None:
        """A request that takes a while begins, at each colour that gets any."""
        world = self._world
        if self._random.random() >= _OFTEN:
            return
        now = world.time
        world.requests = [one for one in world.requests if one.until > now]
        for service, colour in self._routed():
            boxes = [box for box in self._boxes(service, colour) if _up(box, now)]
            if boxes:
                name = self._random.choice(boxes).name
                world.requests.append(Request(name, now + self._random.uniform(0.05, 1.5)))

    def _routed(self) -> list[tuple[str, Colour]]:
        notes = self._world.notes
        found = []
        for service, colour in sorted(notes.memory.items()):
            if colour and self._target(service, colour):
                found.append((service, colour))
                if service in notes.canary_weights:
                    found.append((service, colour.other))
        return found

    def _answers(self, service: str, colour: Colour) -> bool:
        if (service, colour) in self._world.notes.parked:
            return False
        boxes = self._boxes(service, colour)
        target = self._target(service, colour)
        if not boxes or target is None or len(boxes) < len(target):
            return False
        return all(_up(box, self._world.time) for box in boxes)

    def _target(self, service: str, colour: Colour) -> tuple[int, ...] | None:
        topology = self._world.notes.topology
        route = topology.route(service) if topology else None
        target = route.target(colour) if route else None
        return target.address_offsets if target and target.mode != NO_ROUTE else None

    def _boxes(self, service: str, colour: Colour) -> list[Box]:
        return [
            box
            for box in self._world.boxes.values()
            if box.mark.service == service and box.mark.colour is colour
        ]


def _up(box: Box, now: float) -> bool:
    return box.running(now) and box.age(now) >= box.behaviour.healthy_after
