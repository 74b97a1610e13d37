"""References of images, as Docker accepts them."""

from __future__ import annotations

import pytest

from compose_bluegreen.domain.image_reference import is_reference


@pytest.mark.parametrize(
    "reference",
    [
        "web",
        "web:latest",
        "localhost:5000/web",
        "[::1]:5000/team/web:1.4_x",
        "r.example/web@sha256:" + "ab" * 32,
        "sha256:" + "ab" * 32,
        "a--b__c.d/e",
    ],
)
def test_what_docker_would_pull_is_a_reference(reference: str) -> None:
    assert is_reference(reference)


@pytest.mark.parametrize(
    "text", ["", "-q", "Web", "web:", "a b", "a\n", "/a", "a//b", "a/../b", "web:" + "x" * 129, "é"]
)
def test_what_it_would_not_is_none(text: str) -> None:
    assert not is_reference(text)
