"""Text for people has only words of plain technical English; see tests/words.py."""

from __future__ import annotations

import pytest

from tests import words


def test_no_text_outside_the_list_has_an_old_word() -> None:
    entries = words.to_do()
    unlisted = [one for one in words.files() if words.entry_of(one, entries) is None]
    assert [str(hit) for one in unlisted for hit in words.hits(one)] == []


def test_the_list_has_only_paths_with_an_old_word() -> None:
    entries = words.to_do()
    dirty = {words.entry_of(one, entries) for one in words.files() if words.hits(one)}
    clean = [entry for entry in entries if entry not in dirty]
    assert clean == [], "python -m tests.words --prune removes them"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('"""Nobody waits."""', ["Nobody"]),
        ('x = "it was told to stop"', ["told"]),
        ('x = f"{name} is well"', ["is well"]),
        ('x = f"{len(told)} released"', []),
        ('x = ("the release goes "\n  "on")', ["goes on"]),
        ("# who may\n# wait", ["who may"]),
        ("# is\n# well", ["is well"]),
        ("def told(anew): return nobody", []),
        ('x = "impostor"', []),
        ('"""The drift `impostor` and the name ``nobody``."""', []),
        ('"""Run `docker compose for nobody`."""', ["nobody"]),
        ('x = "as nobody asked"  # words: stored', []),
        ('"""It works as well, is well known, and understands a stand-alone file."""', []),
    ],
)
def test_python_is_read_for_its_text(source: str, found: list[str]) -> None:
    assert [hit.word for hit in words.hits("module.py", source)] == found


@pytest.mark.parametrize(
    ("path", "source", "found"),
    [
        ("a.md", "A proven colour\nstands by.", [(1, "proven"), (2, "stands")]),
        ("a.md", "`lock.wish` and docs/nobody.md and let-go", []),
        ("a.md", "<!-- recorded: x -->\nnobody\n<!-- end -->\nanew", [(4, "anew")]),
        ("a.cfg.j2", "# {{ door.rules }} for\n# somebody", [(2, "somebody")]),
        ("a.svg", '<svg><text class="told">sick</text></svg>', [(1, "sick")]),
        ("CHANGELOG.md", "# Changes\n\n## 2\n\nanew\n\n## 1\n\nanew\n", [(5, "anew")]),
        ("docs/glossary.md", "| healthy | passes | told |\n", []),
        ("docs/glossary.md", "| told | reported | - |\n", [(1, "told")]),
    ],
)
def test_other_files_are_read_whole(path: str, source: str, found: list[tuple[int, str]]) -> None:
    assert [(hit.line, hit.word) for hit in words.hits(path, source)] == found


def test_a_hit_in_a_long_string_names_its_own_line() -> None:
    source = 'x = (\n    "one line "\n    "and a sick one"\n)\n'
    assert str(words.hits("a.py", source)[0]) == 'a.py:3: "sick": unhealthy'


def test_the_closest_entry_covers_a_path() -> None:
    entries = ["a/", "a/b/", "a/c.py"]
    assert words.entry_of("a/b/d.py", entries) == "a/b/"
    assert words.entry_of("a/c.py", entries) == "a/c.py"
    assert words.entry_of("a/e.py", entries) == "a/"
    assert words.entry_of("ab.py", entries) is None
