"""``route.map`` and ``preview.map``: as 78b6a6f wrote them, and how they get into memory."""

from __future__ import annotations

import pytest

from compose_bluegreen.adapters.haproxy.map_files import (
    ROUTES,
    parse_previews,
    parse_routes,
    previews_text,
    routes_text,
)
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import ProxyFailed
from compose_bluegreen.domain.topology import CanaryWeight, TrafficSplit
from tests.unit.adapters.haproxy.golden import golden

SPLITS = {
    "api": TrafficSplit(Colour.BLUE),
    "mailer": TrafficSplit(None),
    "queue": TrafficSplit(Colour.GREEN, CanaryWeight(10_000)),
    "search": TrafficSplit(Colour.BLUE, CanaryWeight(1)),
    "web": TrafficSplit(Colour.GREEN, CanaryWeight(500, sticky=True)),
}
SHOWN = {"web": Colour.BLUE, "api": Colour.GREEN}
PATH = "/var/lib/bluegreen/route.map"


def test_the_routing_map_keeps_its_format() -> None:
    assert parse_routes(golden("route.map")) == SPLITS
    assert routes_text(SPLITS) == golden("route.map")


def test_the_map_of_previews_keeps_its_format() -> None:
    assert parse_previews(golden("preview.map")) == SHOWN
    assert previews_text(SHOWN) == golden("preview.map")


class Worker:
    """Answers as HAProxy does; ``refuses`` is a command that it does not accept."""

    def __init__(self, refuses: str = "commit nothing") -> None:
        self.asked: list[str] = []
        self.refuses = refuses

    def __call__(self, *commands: str) -> list[str]:
        self.asked += commands
        return [self.answer(command) for command in commands]

    def answer(self, command: str) -> str:
        if command.startswith(self.refuses):
            return "Unknown map identifier.\n"
        if command.startswith("prepare"):
            return "New version created: 7\n"
        return "0x55 web green\n" if command.startswith("show") else "\n"


def test_a_map_is_loaded_in_one_commit_and_read_back() -> None:
    worker = Worker()
    assert ROUTES.load(worker, "api blue\nweb green\n") == "0x55 web green\n"
    assert worker.asked == [
        f"prepare map {PATH}",
        f"add map @7 {PATH} api blue",
        f"add map @7 {PATH} web green",
        f"commit map @7 {PATH}",
        f"show map {PATH}",
    ]


@pytest.mark.parametrize("command", ["prepare", "add", "commit"])
def test_a_command_that_haproxy_refuses_is_reported_with_its_answer(command: str) -> None:
    with pytest.raises(ProxyFailed, match="HAProxy refused") as failed:
        ROUTES.load(Worker(refuses=command), "web green\n")
    assert failed.value.detail == "Unknown map identifier."
