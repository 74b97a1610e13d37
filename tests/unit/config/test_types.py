"""Types of settings that several settings share."""

from __future__ import annotations

import pytest

from compose_bluegreen.config.types import address


@pytest.mark.parametrize(
    "text", ["https://hooks.example/a?b=c", "http://u:p@127.0.0.1:8000/", "https://[::1]:9/x"]
)
def test_an_address_is_taken_as_it_is(text: str) -> None:
    assert address(text) == text


@pytest.mark.parametrize(
    "text",
    ["hush", "ftp://a/hush", "https:///hush", "http://a:x/hush", "http://a/ hush", "http://[a"],
)
def test_a_text_that_is_no_address_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="a URL that begins with") as refused:
        address(text)
    assert "hush" not in str(refused.value)


def test_an_empty_address_is_none() -> None:
    assert address("") is None
    assert address(" ") is None
