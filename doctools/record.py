"""Plays the commands of a page on the engine, and writes what they print into the page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from doctools.pages import DOCS, parts, rewritten
from doctools.stages import DocsStage, copy_the_demo, staged

COMMAND = "python -m doctools record"

_DURATION = re.compile(r"\b\d+(?:\.\d+)?s\b")
_MOMENT = re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\b")
_IMAGE = re.compile(r"\b[0-9a-f]{12}\b")
_COLUMNS = re.compile(r" {2,}")


@dataclass(frozen=True, slots=True)
class Play:
    """The scenes of one page, each the name of a part and the commands that it shows."""

    page: str
    project: str
    scenes: Mapping[str, tuple[str, ...]]
    ports: tuple[int, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)


DEMO = Play(
    page="tutorial/demo.md",
    project="bluegreen-demo",
    ports=(8000, 8404),
    names={"sample_service:latest": "{}/sample:latest"},
    scenes={
        "first-release": ("docker bluegreen up", "curl http://localhost:8000/"),
        "second-release": (
            'sed -i \'s/"hello"/"ola"/\' sample_service/app.py',
            'docker bluegreen up --message "greets in Portuguese"',
            "curl http://localhost:8000/",
        ),
        "failed-release": (
            "sed -i 's/^START_DELAY = .*/START_DELAY = 3600/' sample_service/app.py",
            "docker bluegreen up",
            "echo $?",
            "curl http://localhost:8000/",
        ),
        "rollback": ("docker bluegreen rollback", "curl http://localhost:8000/"),
        "history": ("docker bluegreen history", "docker bluegreen status"),
        "down": ("docker bluegreen down",),
    },
)
PLAYS = (DEMO,)


def record() -> list[Path]:
    """Returns the pages that were stale; one that differs in times and ids only stays as it is."""
    return [DOCS / play.page for play in PLAYS if _record(play)]


def stale(play: Play) -> dict[str, tuple[str, str]]:
    """Part to what the page has and what the commands print now, of those that differ."""
    before = _normal(parts((DOCS / play.page).read_text(), "recorded"))
    now = _normal(played(play))
    return {name: (before[name], text) for name, text in now.items() if before[name] != text}


def played(play: Play) -> dict[str, str]:
    """Part to its excerpt."""
    with staged(play.project, play.ports, play.names) as stage:
        copy_the_demo(stage)
        return {name: _excerpt(stage, commands) for name, commands in play.scenes.items()}


def _record(play: Play) -> bool:
    page = DOCS / play.page
    text, now = page.read_text(), played(play)
    if _normal(parts(text, "recorded")) == _normal(now):
        return False
    page.write_text(rewritten(text, "recorded", now))
    return True


def _excerpt(stage: DocsStage, commands: tuple[str, ...]) -> str:
    lines = "".join(f"$ {command}\n{_shown(stage.run(command))}" for command in commands)
    return f"```console\n{lines}```"


def _shown(output: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in output.splitlines())


def _normal(excerpts: Mapping[str, str]) -> dict[str, str]:
    """Without times; ids are numbered over the whole page, so that equal ones stay equal."""
    ids: dict[str, str] = {}
    return {name: "\n".join(_lines(text, ids)) for name, text in excerpts.items()}


def _lines(text: str, ids: dict[str, str]) -> Iterator[str]:
    for line in text.splitlines():
        plain = _MOMENT.sub("<time>", _DURATION.sub("<duration>", line))
        numbered = _IMAGE.sub(lambda match: ids.setdefault(match[0], f"<image {len(ids)}>"), plain)
        yield _COLUMNS.sub("  ", numbered).rstrip()
