"""A page of the documentation, and the parts of it that a program writes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"

_PART = re.compile(
    r"(?P<begin><!-- (?P<kind>generated|recorded): (?P<name>[\w-]+) -->\n)"
    r"(?P<content>.*?)"
    r"(?P<end>\n?<!-- end -->)",
    re.DOTALL,
)


def pages(kind: str) -> Iterator[Path]:
    """Those with a part of that kind."""
    for page in sorted(DOCS.rglob("*.md")):
        if parts(page.read_text(), kind):
            yield page


def parts(text: str, kind: str) -> dict[str, str]:
    """Name to content, of all parts of that kind."""
    return {
        match["name"]: match["content"].strip()
        for match in _PART.finditer(text)
        if match["kind"] == kind
    }


def rewritten(text: str, kind: str, contents: Mapping[str, str]) -> str:
    """The page with these contents; a part that nothing makes is a KeyError."""

    def one(match: re.Match[str]) -> str:
        if match["kind"] != kind:
            return match[0]
        content = contents[match["name"]].strip()
        return f"{match['begin']}\n{content}\n\n<!-- end -->"

    return _PART.sub(one, text)


def yaml_blocks(page: Path) -> list[dict[str, Any]]:
    """Its code blocks, as Compose would fill them in: with the default of each variable."""
    blocks = re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return [yaml.safe_load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", block)) for block in blocks]


def pipelines() -> list[dict[str, Any]]:
    """GitHub's, then GitLab's."""
    blocks = re.findall(
        r"```yaml\n(.*?)```", (DOCS / "how-to" / "pipelines.md").read_text(), re.DOTALL
    )
    found = [yaml.safe_load(block) for block in blocks]
    return [one for one in found if "stages" in one or "jobs" in one]
