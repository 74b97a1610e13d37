"""The files that 78b6a6f left on a proxy's volume."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parents[3] / "golden" / "78b6a6f" / "proxy"


def golden(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
