"""The contract of what remembers powers."""

from __future__ import annotations

from pathlib import Path

import pytest

from compose_bluegreen.adapters.system.seen_powers import SeenPowers
from compose_bluegreen.ports.powers import Powers
from testkit.fakes.powers import FakePowers


@pytest.fixture(params=["fake", "real"])
def powers(request: pytest.FixtureRequest, tmp_path: Path) -> Powers:
    real = SeenPowers(tmp_path / "state" / "powers", "shop")
    return FakePowers() if request.param == "fake" else real


def test_what_was_noted_is_seen_and_for_this_service_alone(powers: Powers) -> None:
    assert powers.unseen("web", ["privileged", "user root"]) == {"privileged", "user root"}
    powers.note("web", ["privileged"])
    powers.note("web", ["privileged"])
    powers.note("web", [])
    assert powers.unseen("web", ["privileged", "user root"]) == {"user root"}
    assert powers.unseen("api", ["privileged"]) == {"privileged"}
