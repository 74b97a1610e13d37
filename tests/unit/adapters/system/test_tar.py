"""Archives for the Docker API."""

from __future__ import annotations

import io
import tarfile

from compose_bluegreen.adapters.system import tar


def entries(archive: bytes) -> list[tuple[str, int, int, int, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        return [(e.name, e.mode, e.uid, e.gid, e.type) for e in opened]


def test_files_are_packed_with_mode_and_owner_and_read_back() -> None:
    archive = tar.pack({"a": "naïve 漢\n", "b": ""}, 0o600, (101, 102))
    assert entries(archive) == [
        ("a", 0o600, 101, 102, tarfile.REGTYPE),
        ("b", 0o600, 101, 102, tarfile.REGTYPE),
    ]
    assert tar.files(archive) == {"a": "naïve 漢\n".encode(), "b": b""}
    assert tar.owner_of(archive) == (101, 102)


def test_a_folder_for_secrets_is_packed_with_itself() -> None:
    archive = tar.pack_folder("certificates-1", {"a.pem": "x"}, 0o700, (101, 102))
    assert entries(archive) == [
        ("certificates-1", 0o700, 101, 102, tarfile.DIRTYPE),
        ("certificates-1/a.pem", 0o600, 101, 102, tarfile.REGTYPE),
    ]
    assert tar.files(archive) == {"a.pem": b"x"}


def test_files_in_a_folder_of_root_are_readable_for_haproxy() -> None:
    archive = tar.pack_folder("certificates-1", {"a.pem": "x"}, 0o755, (0, 0))
    assert [mode for _, mode, *_ in entries(archive)] == [0o755, 0o644]


def test_an_archive_without_an_entry_belongs_to_root() -> None:
    assert tar.owner_of(tar.pack({}, 0o600, (5, 5))) == (0, 0)
    assert tar.files(tar.pack({}, 0o600, (5, 5))) == {}


def test_a_file_that_is_too_large_to_be_ours_is_empty() -> None:
    archive = tar.pack({"a": "x" * (tar.LARGEST + 1), "b": "y"}, 0o600, (5, 5))
    assert tar.files(archive) == {"a": b"", "b": b"y"}
