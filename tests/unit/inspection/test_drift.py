"""Each way in which what is there can differ from how we left it: told, and cured where it can be.

Every kind has a situation below; a test holds the two lists together.
"""

from __future__ import annotations

import pytest

from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.inspection.drift import DriftKind
from testkit.drift_situations import (
    REPAIR,
    SITUATIONS,
    Situation,
)
from testkit.fakes.site import Site


@pytest.fixture
def site() -> Site:
    """``v2`` is live on green, ``v1`` was before it."""
    new = Site()
    new.release("v1")
    new.release("v2")
    return new


ELSEWHERE = {DriftKind.UNFINISHED, DriftKind.STUCK}
"""Told in test_status.py; what becomes of them is recovery's."""


def test_every_kind_has_a_situation() -> None:
    assert {one.kind for one in SITUATIONS} | ELSEWHERE == set(DriftKind)


def test_what_is_well_does_not_drift(site: Site) -> None:
    assert site.drift() == {}
    assert site.status().drifts is False


@pytest.mark.parametrize("situation", SITUATIONS, ids=str)
def test_each_kind_is_told_with_cause_and_cure(situation: Situation, site: Site) -> None:
    situation.befalls(site)
    drift = [one for one in site.status().all_drift if one.kind is situation.kind]
    assert situation.cause in drift[0].problem
    assert hint_text(drift[0].remedy) == situation.cure
    assert drift[0].repairable is (situation.cure == REPAIR)
