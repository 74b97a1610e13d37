"""Situations in which unit tests begin. At the end of each, nobody may have gone unserved."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from testkit.fakes.site import Site

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
