"""What the shell offers for the word that is being typed."""

from __future__ import annotations

import pytest

from compose_bluegreen.cli import completion
from compose_bluegreen.cli.app import COMMANDS, build_app


def offered(capsys: pytest.CaptureFixture[str], line: str) -> list[str]:
    """The words without their descriptions; a line that ends with a space begins a new word."""
    group = build_app(lambda call: 0)
    assert completion.answer(group, line.split(" ")) == 0
    return [one.partition("\t")[0] for one in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", [*COMMANDS, ":4"]),
        ("re", ["repair", "resume", ":4"]),
        ("--project-name shop re", ["repair", "resume", ":4"]),
        ("-f compose.yaml sta", ["status", ":4"]),
        ("--vers", ["--version", ":4"]),
        ("up --dry", ["--dry-run", ":4"]),
        ("up web --no-s", ["--no-switch", ":4"]),
        ("up --progress ", ["auto", "tty", "plain", "json", "quiet", ":4"]),
        ("up --progress=p", ["plain", ":4"]),
        ("history --format j", ["json", ":4"]),
        ("lock ", ["status", "release", ":4"]),
        ("proxy re", ["reload", "recreate", ":4"]),
        ("proxy reload ", [":4"]),
        ("logs --colour g", ["green", ":4"]),
        ("up ", [":4"]),
        ("up -- --dry", [":4"]),
        ("up --file ", [":0"]),
        ("status --database ", [":0"]),
        ("nonsense ", [":4"]),
        ("up --nonsense ", [":4"]),
    ],
)
def test_what_fits_is_offered(
    capsys: pytest.CaptureFixture[str], line: str, words: list[str]
) -> None:
    assert offered(capsys, line) == words
