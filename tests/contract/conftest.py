"""The grounds of the contracts; the real ground uses a stage of the end-to-end tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from compose_bluegreen.config.release_builder import release
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.release import Release
from compose_bluegreen.domain.topology import Change, Topology
from compose_bluegreen.steps.desired_topology import for_project, with_release
from tests.contract.grounds import GROUNDS, Ground, requested
from tests.e2e.conftest import engine, sample, signals, stages

__all__ = ["engine", "sample", "signals", "stages"]


@pytest.fixture(params=GROUNDS)
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    yield from requested(request)


@pytest.fixture
def web(ground: Ground) -> Release:
    return release(ground.project, ground.project.services["web"], ground.image)


@pytest.fixture
def wanted(ground: Ground, web: Release) -> Topology:
    return with_release(for_project(ground.project, ["web"], None), web, Colour.BLUE)


@pytest.fixture
def running(ground: Ground, wanted: Topology) -> Ground:
    """The proxy runs, and nothing is live."""
    ground.proxy.apply(wanted, Change.CREATE)
    return ground
