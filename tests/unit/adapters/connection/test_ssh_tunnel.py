"""What an address of an engine behind ssh may be."""

from __future__ import annotations

import pytest

from compose_bluegreen.adapters.connection.ssh_tunnel import SshAddress
from compose_bluegreen.domain.errors import UsageError


@pytest.mark.parametrize(
    ("url", "words", "socket"),
    [
        ("ssh://far", ["--", "far"], ""),
        ("ssh://Far.Example/", ["--", "Far.Example"], ""),
        ("ssh://ada@far:22", ["-l", "ada", "-p", "22", "--", "far"], ""),
        ("ssh://far/run/user/1000/docker.sock", ["--", "far"], "/run/user/1000/docker.sock"),
        ("ssh://ada@[::1]:2222", ["-l", "ada", "-p", "2222", "--", "::1"], ""),
    ],
)
def test_its_parts_become_words_of_ssh(url: str, words: list[str], socket: str) -> None:
    address = SshAddress.parse(url)
    assert (address.words, address.socket) == (words, socket)


@pytest.mark.parametrize(
    "url",
    [
        "ssh://",
        "ssh:///run/docker.sock",
        "ssh://-oProxyCommand=touch",
        "ssh://-l@far",
        "ssh://ada:secret@far",
        "ssh://far:port",
        "ssh://far:99999",
        "ssh://far?x=1",
        "ssh://far#x",
        "ssh://[::1",
    ],
)
def test_anything_else_is_refused_and_no_password_repeated(url: str) -> None:
    with pytest.raises(UsageError) as refused:
        SshAddress.parse(url)
    assert "secret" not in str(refused.value)
