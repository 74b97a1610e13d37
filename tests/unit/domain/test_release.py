"""What one service runs: an image and its resolved model."""

from __future__ import annotations

from compose_bluegreen.domain.release import Image, Release


def test_the_tag_that_keeps_an_image_is_one_that_docker_accepts() -> None:
    image = Image("web:latest", "sha256:0123456789abcdef")
    release = Release("web", image, {"name": "shop"}, {}, "f00")
    assert release.kept_tag == "bluegreen/shop/web:0123456789ab"
