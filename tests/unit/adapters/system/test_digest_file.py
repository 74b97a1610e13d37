"""The file of digests: what it remembers, and that it is for its user alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from compose_bluegreen.adapters.system.digest_file import DigestFile


def test_it_remembers_what_was_added_and_does_not_contain_it(tmp_path: Path) -> None:
    file = tmp_path / "state" / "trusted" / "powers"
    DigestFile(file).add([("shop", "web"), ("a", "b", "c")])
    again = DigestFile(file)
    again.add([("shop", "web")])
    assert again.missing([("shop", "web"), ("a", "b", "c"), ("a", "b c")]) == [("a", "b c")]
    content = file.read_text()
    assert len(content.splitlines()) == 2
    assert "shop" not in content


def test_other_users_can_not_read_it(tmp_path: Path) -> None:
    file = tmp_path / "state" / "trusted" / "powers"
    DigestFile(file).add([("a",)])
    assert file.stat().st_mode & 0o077 == 0
    assert file.parent.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", [b"\xff\xfe\n", b"", b"\0\n" * 99])
def test_what_is_no_digest_is_ignored(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "powers"
    file.write_bytes(content)
    assert DigestFile(file).missing([("a",)]) == [("a",)]


def test_without_a_file_nothing_is_known(tmp_path: Path) -> None:
    assert DigestFile(tmp_path / "none").missing([("a",)]) == [("a",)]
