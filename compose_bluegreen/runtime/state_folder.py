"""The user's state folder: where it is, and that other users can't read it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def state_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """As the XDG base directory specification has it, which ignores a relative folder."""
    state = Path(environ.get("XDG_STATE_HOME", ""))
    if not state.is_absolute():
        state = Path(environ.get("HOME") or Path.home()) / ".local" / "state"
    return state / "compose-bluegreen"


def make_private(folder: Path) -> None:
    """Makes this folder and the one above, both ours, or closes existing ones to other users."""
    for path in (folder.parent, folder):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.stat().st_mode & 0o077:
            path.chmod(0o700)
