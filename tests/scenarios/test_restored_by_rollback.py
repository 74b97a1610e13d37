"""What a rollback brings back: the image, wherever it is, and the whole configuration."""

from __future__ import annotations

from typing import Any, cast

import pytest

from compose_bluegreen.adapters.compose.specs import colour_model
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import BluegreenError, ComposeFailed
from testkit.fakes.site import Site

DIGEST = "localhost:5000/web@sha256:abc"


# ── its image ────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def from_a_registry(site: Site) -> Site:
    """v2 is live; v1 came from a registry, and the engine has lost it."""
    site.world.make_image("v1", digest=DIGEST)
    site.up(image=DIGEST)
    site.release("v2")
    site.world.lose_image("sha256:v1")
    return site


def test_an_image_that_is_gone_is_pulled_by_its_digest(from_a_registry: Site) -> None:
    from_a_registry.rollback()
    assert from_a_registry.world.calls.of("workloads.pull") == [(DIGEST,)]
    assert from_a_registry.observer.keys[0] == "pull:web"
    assert from_a_registry.serving() == {"v1"}


def test_another_image_under_that_digest_is_refused(from_a_registry: Site) -> None:
    from_a_registry.world.registry[DIGEST] = "sha256:other"
    with pytest.raises(BluegreenError, match="no longer the image that was released"):
        from_a_registry.rollback()
    assert from_a_registry.serving() == {"v2"}


def test_a_registry_that_has_it_no_more_fails_the_rollback(from_a_registry: Site) -> None:
    del from_a_registry.world.registry[DIGEST]
    with pytest.raises(ComposeFailed):
        from_a_registry.rollback()
    assert from_a_registry.serving() == {"v2"}


def test_an_image_that_was_built_here_and_is_gone_cannot_come_back(three: Site) -> None:
    three.world.lose_image("sha256:v2")
    with pytest.raises(BluegreenError, match="was removed, and no registry has it"):
        three.rollback()
    assert three.serving() == {"v3"}


def test_no_registry_is_asked_while_the_engine_has_the_image(three: Site) -> None:
    three.rollback()
    assert three.world.calls.of("workloads.pull") == []
    assert three.world.names["web:latest"] == "sha256:v2"


# ── its configuration ────────────────────────────────────────────────────────────────────────


def test_the_configuration_comes_back_whatever_became_of_the_file(site: Site) -> None:
    own = site.file["services"]["web"]
    own |= {"environment": {"HELLO": "hello"}, "command": ["serve"]}
    site.release("v1")
    own |= {"environment": {"HELLO": "ola"}, "command": ["serve", "--fast"]}
    site.release("v2")
    site.file["services"].clear()
    site.rollback()
    (([colour],),) = cast("Any", site.world.calls.of("workloads.start_colours"))
    started = colour_model(colour)["services"]["web-blue-1"]
    assert started["environment"] == {"HELLO": "hello", "BLUEGREEN_COLOUR": "blue"}
    assert started["command"] == ["serve"]
    assert started["image"] == "sha256:v1"


def test_after_down_the_last_release_comes_back_with_its_ports_and_names(three: Site) -> None:
    three.down()
    three.world.outages.clear()
    three.rollback("web")
    assert three.serving() == {"v3"}
    assert three.routed() is Colour.BLUE
    proxy = three.world.proxy_box()
    assert proxy is not None
    assert proxy.published == {":8000"}
    three.world.outages.clear()
