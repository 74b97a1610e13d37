"""Acts that several contracts need."""

from __future__ import annotations

from collections.abc import Callable

from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.release import Release
from compose_bluegreen.ports.engine import Container
from compose_bluegreen.ports.history import History
from compose_bluegreen.ports.workloads import ColourRelease
from compose_bluegreen.steps.health import POLL
from tests.contract.grounds import Ground

BLUE, GREEN = Colour.BLUE, Colour.GREEN

Opened = Callable[[str, str], History]
"""The history of a project on an engine; all of one test are in one place."""


def found_in(ground: Ground, colour: Colour) -> list[Container]:
    return ground.engine.colour_containers(ground.project.name, "web", colour)


def start(ground: Ground, web: Release, colour: Colour, deployment: int = 1) -> None:
    colour_addresses = ground.proxy.colour_addresses("web", colour)
    ground.workloads.start_colours([ColourRelease(web, colour, deployment, colour_addresses)])


def until_up(ground: Ground, colour: Colour) -> None:
    deadline = ground.ctx.clock.monotonic() + 30
    while not all(one.up for one in ground.proxy.health("web", colour)):
        assert ground.ctx.clock.monotonic() < deadline, ground.proxy.health("web", colour)
        ground.ctx.clock.sleep(POLL)
