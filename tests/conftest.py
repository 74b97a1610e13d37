"""Situations in which unit tests begin. At the end of each, nobody may have gone unserved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import settings

from compose_bluegreen.deployment.notifications import EndedDeployments
from testkit.fakes.site import Site
from testkit.pending import waiting

# No deadline for one example: the machine may be busy with containers.
settings.register_profile("unit", deadline=None, max_examples=60)
settings.load_profile("unit")


@pytest.fixture
def site() -> Iterator[Site]:
    """A project with the service ``web``, which nobody has released yet."""
    new = Site()
    yield new
    assert new.world.outages == []
    assert new.world.cut == []


@pytest.fixture
def serving(site: Site) -> Site:
    """Version ``v1`` of ``web`` is live, on blue."""
    site.release("v1")
    return site


@pytest.fixture
def three(site: Site) -> Site:
    """v1, v2 and v3 were released; v3 is live."""
    for version in ("v1", "v2", "v3"):
        site.release(version)
    return site


@pytest.fixture
def held() -> Site:
    return waiting()


@pytest.fixture
def noted(site: Site) -> EndedDeployments:
    """What the history of this site notes."""
    noting = EndedDeployments(site.ctx.history)
    site.ctx = replace(site.ctx, history=noting.as_history)
    return noting
