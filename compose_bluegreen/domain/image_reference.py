"""Names of images, as Docker writes them."""

from __future__ import annotations

import re

_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?"
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST = r"[A-Za-z][A-Za-z0-9+._-]*:[0-9A-Za-z]+"
_REFERENCE = re.compile(f"(?:{_HOST}/)?{_PART}(?:/{_PART})*(?::{_TAG})?(?:@{_DIGEST})?")


def is_reference(text: str) -> bool:
    """Whether Docker reads this text as the name of an image, not as a flag or a path."""
    return len(text) <= 512 and _REFERENCE.fullmatch(text) is not None
