"""Writes a report of a bug, for the developers."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
import traceback
from pathlib import Path

from compose_bluegreen import __version__
from compose_bluegreen.runtime.secrets import concealed
from compose_bluegreen.runtime.state_folder import make_private, state_folder

_REPORTS = "reports"


def write_report(error: BaseException) -> Path | None:
    """Only the owner can read it, because a message may contain a secret. None if no folder is
    writable."""
    text = _report(error)
    for folder in (state_folder() / _REPORTS, Path(tempfile.gettempdir())):
        try:
            return _written(folder, text)
        except OSError:
            continue
    return None


def _written(folder: Path, text: str) -> Path:
    if folder.name == _REPORTS:
        make_private(folder)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    # mkstemp: mode 0600, and a name that no other user can guess and link.
    number, path = tempfile.mkstemp(".txt", f"compose-bluegreen-{stamp}-", folder)
    with os.fdopen(number, "w", encoding="utf-8", errors="replace") as file:
        file.write(text)
    return Path(path)


def _report(error: BaseException) -> str:
    arguments = " ".join(sys.argv)
    head = (
        f"compose-bluegreen {__version__}",
        f"Python {platform.python_version()} on {platform.platform()}",
        f"arguments: {arguments}",
        "",
    )
    return concealed("\n".join(head) + "\n" + "".join(traceback.format_exception(error)))
