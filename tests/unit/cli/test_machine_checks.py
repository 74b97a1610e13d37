"""What ``doctor`` makes of an engine's facts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from compose_bluegreen.cli import machine_checks
from compose_bluegreen.cli.machine_checks import Finding
from compose_bluegreen.ports.engine_facts import EngineFacts

_WELL = EngineFacts(
    version="29.7.2",
    api_version="1.55",
    store="overlayfs of containerd",
    restrictions=(),
    clock_ahead=timedelta(seconds=0.2),
    networks_left=12,
    free_bytes=9 * 1024**3,
)


def _found(facts: EngineFacts, monkeypatch: pytest.MonkeyPatch) -> dict[str, Finding]:
    monkeypatch.setattr(machine_checks, "_ask", lambda *_: ('{"Version": "29.7.2"}', ""))
    findings = machine_checks._engine("context default", lambda: facts)
    return {finding.check: finding for finding in findings}


def test_a_good_engine_needs_no_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _found(_WELL, monkeypatch)
    assert [finding.remedy for finding in found.values()] == [""] * 5
    assert found["engine"].fact == "engine (context default): 29.7.2, API 1.55"
    assert found["store"].fact == "images: overlayfs of containerd"


@pytest.mark.parametrize(
    ("check", "changed", "fact", "remedy"),
    [
        ("engine", {"version": "19.03.15"}, "19.03.15", "20.10 or newer"),
        ("clock", {"clock_ahead": timedelta(seconds=61)}, "61 s ahead of this", "NTP"),
        ("clock", {"clock_ahead": timedelta(hours=-1)}, "3600 s behind this", "NTP"),
        ("networks", {"networks_left": 2}, "2 more networks", "docker network prune"),
        ("disk", {"free_bytes": 1024**3}, "1.0 GiB free", "docker system df"),
    ],
)
def test_each_lack_has_a_remedy(
    check: str,
    changed: dict[str, Any],
    fact: str,
    remedy: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = _found(replace(_WELL, **changed), monkeypatch)
    assert fact in found[check].fact
    assert remedy in found[check].remedy
    others = [finding for name, finding in found.items() if name != check]
    assert all(finding.is_well for finding in others)


def test_a_rootless_engine_and_one_elsewhere_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _found(replace(_WELL, restrictions=("rootless",), free_bytes=None), monkeypatch)
    assert found["engine"].fact.endswith(", rootless")
    assert "disk" not in found
