"""``route.map`` and ``preview.map``, as 78b6a6f wrote them."""

from __future__ import annotations

from compose_bluegreen.adapters.haproxy import preview_map
from compose_bluegreen.adapters.haproxy.config import map_text, read_map
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.topology import CanaryWeight, TrafficSplit
from tests.unit.adapters.haproxy.golden import golden

FLOWS = {
    "api": TrafficSplit(Colour.BLUE),
    "mailer": TrafficSplit(None),
    "queue": TrafficSplit(Colour.GREEN, CanaryWeight(10_000)),
    "search": TrafficSplit(Colour.BLUE, CanaryWeight(1)),
    "web": TrafficSplit(Colour.GREEN, CanaryWeight(500, sticky=True)),
}
SHOWN = {"web": Colour.BLUE, "api": Colour.GREEN}


def test_the_routing_map_keeps_its_format() -> None:
    assert read_map(golden("route.map")) == FLOWS
    assert map_text(FLOWS) == golden("route.map")


def test_the_map_of_previews_keeps_its_format() -> None:
    assert preview_map.read(golden("preview.map")) == SHOWN
    assert preview_map.text(SHOWN) == golden("preview.map")
