"""How many networks an engine can still give addresses to."""

from __future__ import annotations

import pytest

from compose_bluegreen.domain.address_pools import DEFAULT, left


def test_docker_s_own_pools_are_thirty_one_networks() -> None:
    assert left(DEFAULT, []) == 31


@pytest.mark.parametrize(
    ("taken", "still"),
    [
        (["172.17.0.0/16"], 30),
        (["172.17.0.0/16", "192.168.0.0/20"], 29),
        (["172.17.5.0/24"], 30),
        (["10.0.0.0/8"], 31),
        (["fd00::/64"], 31),
        (["172.16.0.0/12", "192.168.0.0/16"], 0),
    ],
)
def test_a_network_takes_what_it_overlaps(taken: list[str], still: int) -> None:
    assert left(DEFAULT, taken) == still


def test_pools_of_daemon_json_count() -> None:
    assert left([("10.10.0.0/16", 24)], ["10.10.3.0/24"]) == 255
    assert left([("fd00::/56", 64), ("10.0.0.1/30", 24)], []) == 1
