"""What SQLite and the file system say, in words for a person. The one place that maps them."""

from __future__ import annotations

import errno
import shlex
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from sqlalchemy.exc import DBAPIError

from compose_bluegreen.domain.errors import HistoryUnusable

_MOVE = "move it away, and a new one is made: mv {file} {file}.damaged"
_RESCUE = "save what can be read: sqlite3 {file} .recover | sqlite3 {file}.rescued"
_LOOK = "look at the owner and the permissions: ls -ld {folder} {file}"
_SPACE = "make room: df -h {folder}"
_OTHER_PLACE = "make it writable, or name another place with --database"
_WHO = "see who: fuser -v {file}"

_NOT_ALLOWED = ("can't be opened: no permission", _LOOK)
_READ_ONLY = ("can't be written: it is read-only", _OTHER_PLACE)
_NO_SPACE = ("can't be written: the disk is full", _SPACE)
_FOLDER = ("can't be opened: there is a folder of that name", _OTHER_PLACE)

_Meaning = tuple[str, str]

_BY_SQLITE: Mapping[int, _Meaning] = MappingProxyType(
    {
        sqlite3.SQLITE_NOTADB: ("is not a database", _MOVE),
        sqlite3.SQLITE_CORRUPT: ("is damaged", _RESCUE),
        sqlite3.SQLITE_BUSY: ("is locked by another program", _WHO),
        sqlite3.SQLITE_LOCKED: ("is locked by another program", _WHO),
        sqlite3.SQLITE_READONLY: _READ_ONLY,
        sqlite3.SQLITE_FULL: _NO_SPACE,
        sqlite3.SQLITE_IOERR: ("can't be read or written: the disk reports an error", _SPACE),
        sqlite3.SQLITE_CANTOPEN: _NOT_ALLOWED,
        sqlite3.SQLITE_PERM: _NOT_ALLOWED,
        sqlite3.SQLITE_AUTH: _NOT_ALLOWED,
    }
)

_BY_ERRNO: Mapping[int, _Meaning] = MappingProxyType(
    {
        errno.EACCES: _NOT_ALLOWED,
        errno.EPERM: _NOT_ALLOWED,
        errno.EISDIR: _FOLDER,
        errno.ENOTDIR: ("can't be opened: a part of its path is not a folder", _LOOK),
        errno.EEXIST: ("can't be opened: a part of its path is not a folder", _LOOK),
        errno.EROFS: _READ_ONLY,
        errno.ENOSPC: _NO_SPACE,
        errno.EDQUOT: _NO_SPACE,
    }
)


@contextmanager
def explained(file: Path) -> Iterator[None]:
    """Raises HistoryUnusable for what a person can cure; what is a bug of ours passes through."""
    try:
        yield
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.Error) and _curable(error.orig):
            raise _unusable(file, *_meaning(error.orig, file)) from error
        raise
    except sqlite3.Error as error:
        if _curable(error):
            raise _unusable(file, *_meaning(error, file)) from error
        raise
    except OSError as error:
        plain = (f"can't be opened: {error.strerror}", _LOOK)
        raise _unusable(file, *_BY_ERRNO.get(error.errno or 0, plain)) from error


def from_newer_version(file: Path, revision: str) -> HistoryUnusable:
    problem = f"was written by a newer version of compose-bluegreen (its schema is {revision})"
    return _unusable(file, problem, "upgrade: pip install --upgrade compose-bluegreen")


def of_another_program(file: Path) -> HistoryUnusable:
    problem = "is the database of another program"
    return _unusable(file, problem, "name another place with --database")


def damaged(file: Path) -> HistoryUnusable:
    return _unusable(file, *_BY_SQLITE[sqlite3.SQLITE_CORRUPT])


def _curable(error: sqlite3.Error) -> bool:
    """A broken constraint or wrong use of the library is our bug, whatever the file's state."""
    return not isinstance(
        error, (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError)
    )


def _meaning(error: sqlite3.Error, file: Path) -> _Meaning:
    if file.is_dir():
        return _FOLDER
    # Only errors from SQLite itself have a code; the lower eight bits are the kind.
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    return _BY_SQLITE.get(code, (f"can't be used: {error}", _RESCUE))


def _unusable(file: Path, problem: str, cure: str) -> HistoryUnusable:
    hint = cure.format(file=shlex.quote(str(file)), folder=shlex.quote(str(file.parent)))
    return HistoryUnusable(f"the history {file} {problem}", hint=hint)
