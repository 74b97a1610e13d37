"""What this machine has seen: by project and service, and what happens where nothing can be written."""

from __future__ import annotations

from pathlib import Path

import pytest

from compose_bluegreen.adapters.system.seen_powers import SeenPowers
from compose_bluegreen.domain.errors import BluegreenError


def test_a_power_is_seen_for_its_project_and_its_service(tmp_path: Path) -> None:
    file = tmp_path / "state" / "powers"
    SeenPowers(file, "shop").note("web", ["privileged"])
    assert SeenPowers(file, "shop").unseen("web", ["privileged", "pid host"]) == {"pid host"}
    assert SeenPowers(file, "shop").unseen("api", ["privileged"]) == {"privileged"}
    assert SeenPowers(file, "blog").unseen("web", ["privileged"]) == {"privileged"}


def test_where_nothing_can_be_written_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    seen = SeenPowers(tmp_path / "state" / "trusted" / "powers", "shop")
    with pytest.raises(BluegreenError, match=r"can't note in .*powers which powers web has: "):
        seen.note("web", ["privileged"])
