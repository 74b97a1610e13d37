"""Archives for the Docker API, which copies files into and out of containers as tars."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping

Owner = tuple[int, int]
"""User and group, by number."""


def pack(files: Mapping[str, str], mode: int, owner: Owner) -> bytes:
    return _packed(_file(name, text.encode(), mode, owner) for name, text in files.items())


def pack_folder(folder: str, files: Mapping[str, str], mode: int, owner: Owner) -> bytes:
    """With the folder itself. ``mode`` is the folder's; a file has it without what executes."""
    head = _entry(folder, tarfile.DIRTYPE, mode, owner)
    inside = (
        _file(f"{folder}/{name}", text.encode(), mode & 0o666, owner)
        for name, text in files.items()
    )
    return _packed([(head, b""), *inside])


def owner_of(archive: bytes) -> Owner:
    """Of the first entry, which is the folder or file that Docker was asked for."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        first = tar.next()
        return (first.uid, first.gid) if first else (0, 0)


LARGEST = 32 * 1024 * 1024
"""Bytes of a file that is read. A document of the journal has some ten thousand."""


def files(archive: bytes) -> dict[str, bytes]:
    """The contents of the files, by name without a folder. Of a file that is too large, none."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return dict(_contents(tar))


def _contents(tar: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    for entry in tar:
        file = tar.extractfile(entry) if entry.isfile() else None
        if file:
            yield entry.name.rpartition("/")[2], file.read() if entry.size <= LARGEST else b""


def _file(name: str, content: bytes, mode: int, owner: Owner) -> tuple[tarfile.TarInfo, bytes]:
    entry = _entry(name, tarfile.REGTYPE, mode, owner)
    entry.size = len(content)
    return entry, content


def _entry(name: str, kind: bytes, mode: int, owner: Owner) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = kind, mode
    entry.uid, entry.gid = owner
    return entry


def _packed(entries: Iterable[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for entry, content in entries:
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
