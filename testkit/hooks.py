"""A project whose next release has hooks."""

from __future__ import annotations

from typing import Any

from compose_bluegreen.config.hook_settings import Moment
from compose_bluegreen.domain.states import Outcome
from testkit.fakes.site import Site

EACH = {one.value: one.value for one in Moment}
"""A command at each moment, by the name of the moment."""


def a_shop(**hooks: Any) -> Site:
    """``v1`` of ``web`` serves; the next release brings these hooks."""
    site = Site()
    site.release("v1")
    site.file["services"]["web"]["x-bluegreen"] = {"hooks": hooks}
    site.source("v2")
    return site


def left_over(site: Site) -> list[str]:
    return [box.name for box in site.world.found(lambda mark: mark.hook_of == "shop")]


def outcomes(site: Site) -> dict[str, Outcome]:
    return {step.key: step.outcome for step in site.records[0].steps}
