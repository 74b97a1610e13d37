"""The fingerprints that 78b6a6f computed: another one would make the next ``up`` release again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from compose_bluegreen.config import release_builder
from compose_bluegreen.config.project import read as read_project
from compose_bluegreen.domain.release import Image

GOLDEN = Path(__file__).parents[2] / "golden" / "78b6a6f" / "history"
FINGERPRINTS = json.loads((GOLDEN / "fingerprints.json").read_text())


@pytest.mark.parametrize("case", FINGERPRINTS, ids=range(len(FINGERPRINTS)))
def test_a_release_has_the_same_fingerprint_as_then(case: dict[str, Any]) -> None:
    """Otherwise the next ``up`` would release again what is live already."""
    project = read_project(case["config"], "compose.yaml")
    made = release_builder.release(
        project,
        project.services[case["service"]],
        Image(case["image"], case["image_id"]),
        built=case["built"],
    )
    assert (made.model, made.fingerprint) == (case["model"], case["fingerprint"])
    assert made.settings.items() >= case["settings"].items()


def test_a_stored_model_has_the_same_fingerprint_as_then() -> None:
    for case in FINGERPRINTS:
        found = release_builder.fingerprint(case["model"], case["settings"], case["image_id"])
        assert found == case["fingerprint"]
