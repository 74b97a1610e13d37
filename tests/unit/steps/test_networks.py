"""Networks and volumes of the user's project that colours and proxy join."""

from __future__ import annotations

import pytest

from compose_bluegreen.domain.errors import (
    ComposeFailed,
)
from testkit.fakes.site import Site, a_service


def test_networks_and_volumes_of_the_project_are_made_first() -> None:
    mount = {"type": "volume", "source": "uploads", "target": "/data"}
    site = Site(web=a_service(volumes=[mount]))
    site.file["volumes"] = {"uploads": {"name": "shop_uploads"}}
    site.release("v1")
    assert site.world.volumes == {"shop_uploads"}
    assert "shop_default" in site.world.networks


def test_an_external_volume_is_not_made_by_us() -> None:
    mount = {"type": "volume", "source": "uploads", "target": "/data"}
    site = Site(web=a_service(volumes=[mount]))
    site.file["volumes"] = {"uploads": {"name": "precious", "external": True}}
    site.source("v1")
    with pytest.raises(ComposeFailed) as failed:
        site.up()
    assert "precious" in failed.value.detail
    assert site.world.running() == []
