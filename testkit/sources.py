"""The sample's program, to be changed and built."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from testkit.checkout import ROOT

SAMPLE = "localhost:1/bgtest/sample"
"""A registry that nobody runs: nothing here may be looked for elsewhere."""


@dataclass(frozen=True, slots=True)
class Sources:
    """The sample's program, to be changed and built; on top of its image, so that it's quick."""

    folder: Path

    @classmethod
    def copied(cls, folder: Path) -> Sources:
        folder.mkdir()
        shutil.copy(ROOT / "sample_service" / "app.py", folder)
        sources = cls(folder)
        sources.dockerfile.write_text(f"FROM {SAMPLE}\nCOPY app.py /app/app.py\n")
        return sources

    @property
    def dockerfile(self) -> Path:
        return self.folder / "Dockerfile"

    def greet(self, greeting: str) -> None:
        """Another program: its image differs."""
        app = self.folder / "app.py"
        text = app.read_text()
        old = next(line for line in text.splitlines() if line.startswith("GREETING ="))
        app.write_text(text.replace(old, f'GREETING = "{greeting}"'))
