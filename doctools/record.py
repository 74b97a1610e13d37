"""Plays the commands of a page on the engine, and writes what they print into the page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from doctools.pages import DOCS, parts, rewritten
from doctools.plays import PLAYS, Play, Scene
from doctools.stages import DocsStage, copy_the_demo, requested, set_up, staged

COMMAND = "python -m doctools record"

_CHANGING = (
    (
        re.compile(
            r"\d+ requests: \d+ answered 5xx, \d+ broken(?:, p95 \d+ ms)?(?: \(\S+: \d+ ms\))?"
        ),
        "<traffic>",
    ),
    (re.compile(r"\bHAProxy \d+(?:\.\d+)+\b"), "HAProxy <version>"),
    (re.compile(r"\bwas built on \d{4}-\d\d-\d\d\b"), "was built on <day>"),
    (re.compile(r"\b\d+(?:\.\d+)?s\b"), "<duration>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\b"), "<time>"),
)
"""What is another text each time, and what it counts as."""

_IMAGE = re.compile(r"\b[0-9a-f]{12}\b")
_COLUMNS = re.compile(r" {2,}")


def record(only: Sequence[str] = ()) -> list[Path]:
    """Returns the pages that were stale; one that differs in times and ids only stays as it is."""
    chosen = [play for play in PLAYS if not only or play.page in only]
    return [DOCS / play.page for play in chosen if _record(play)]


def stale(play: Play) -> dict[str, tuple[str, str]]:
    """Part to what the page has and what the commands print now, of those that differ."""
    before, now = _normal(_on_the_page(play)), _normal(played(play))
    return {name: (before[name], text) for name, text in now.items() if before[name] != text}


def played(play: Play) -> dict[str, str]:
    """Part to its excerpt."""
    with staged(play.project, play.ports, play.names) as stage:
        if play.images:
            set_up(stage, play)
        else:
            copy_the_demo(stage)
        with requested(stage, play):
            return {name: _excerpt(stage, scene) for name, scene in play.scenes.items()}


def _record(play: Play) -> bool:
    before, now = _on_the_page(play), played(play)
    if _normal(before) == _normal(now):
        return False
    page = DOCS / play.page
    text = page.read_text()
    page.write_text(rewritten(text, "recorded", parts(text, "recorded") | now))
    return True


def _on_the_page(play: Play) -> dict[str, str]:
    found = parts((DOCS / play.page).read_text(), "recorded")
    return {name: found[name] for name in play.scenes}


def _excerpt(stage: DocsStage, scene: Scene) -> str:
    for command in scene.before:
        stage.run(command)
    lines = [f"$ {command}\n{_shown(stage.run(command))}" for command in scene.commands]
    return f"```console\n{''.join(lines)}```"


def _shown(output: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in output.splitlines())


def _normal(excerpts: Mapping[str, str]) -> dict[str, str]:
    """Without times; ids are numbered over the whole page, so that equal ones stay equal."""
    ids: dict[str, str] = {}
    return {name: "\n".join(_lines(text, ids)) for name, text in excerpts.items()}


def _lines(text: str, ids: dict[str, str]) -> Iterator[str]:
    for line in text.splitlines():
        plain = line
        for pattern, word in _CHANGING:
            plain = pattern.sub(word, plain)
        numbered = _IMAGE.sub(lambda match: ids.setdefault(match[0], f"<image {len(ids)}>"), plain)
        yield _COLUMNS.sub("  ", numbered).rstrip()
