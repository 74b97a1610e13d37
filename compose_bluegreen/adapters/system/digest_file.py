"""A file that remembers texts by their digests, and does not contain them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from compose_bluegreen.runtime.state_folder import make_private


class DigestFile:
    """A digest a line. A text is several words, so that no two texts are written alike."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def missing(self, texts: Iterable[Sequence[str]]) -> list[Sequence[str]]:
        """Those of ``texts`` that were never added."""
        known = self._known()
        return [text for text in texts if _digest(text) not in known]

    def add(self, texts: Iterable[Sequence[str]]) -> None:
        """Raises OSError."""
        new = self.missing(texts)
        if not new:
            return
        make_private(self.path.parent)
        number = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(number, "w", encoding="ascii") as file:
            file.write("".join(f"{_digest(text)}\n" for text in new))

    def _known(self) -> set[str]:
        try:
            return set(self.path.read_text(encoding="ascii").split())
        except (OSError, ValueError):
            return set()


def _digest(text: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(list(text)).encode()).hexdigest()
