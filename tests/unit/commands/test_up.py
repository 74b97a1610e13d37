"""``up``: it checks that the history can be written before it changes anything."""

from __future__ import annotations

import pytest

from compose_bluegreen.domain.errors import (
    HistoryUnusable,
)
from testkit.fakes.site import Site


def test_a_history_that_cannot_be_written_is_found_out_before_anything_is_made(site: Site) -> None:
    site.world.calls.fail("history.check_writable", HistoryUnusable("read-only"))
    site.source("v1")
    with pytest.raises(HistoryUnusable):
        site.up()
    assert site.world.networks == set()
    assert site.world.boxes == {}
