"""Docker's completion protocol: ``value<Tab>description`` lines, then what the shell should add."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer._completion_classes import FishComplete

ASKED = "__complete"

_TAKE_A_PATH = {"-f", "--file", "--env-file", "--project-directory", "--database"}
_FILES_TOO, _NOTHING_ELSE = 0, 4


def answer(group: Any, words: Sequence[str]) -> int:
    """The last of ``words`` is the one being written, "" when it is a new one."""
    *before, incomplete = words or [""]
    try:
        # Its search for what fits is any shell's; only how it is written down is fish's.
        found = FishComplete(group, {}, "docker bluegreen", "").get_completions(before, incomplete)
    except typer.TyperException:
        found = []
    lines = [f"{item.value}\t{item.help or ''}".rstrip() for item in found]
    wants_a_path = bool(before) and before[-1] in _TAKE_A_PATH
    lines.append(f":{_FILES_TOO if wants_a_path else _NOTHING_ELSE}")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0
