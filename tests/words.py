"""Finds words in text for people that plain technical English has a better word for.

``python -m tests.words [PATH...]`` prints each hit as ``file:line: "word": what to write``. Without
a path it checks everything that ``tests/test_words.py`` checks. ``--names`` prints old names in the
product's code instead: classes, functions, parameters, variables. ``--prune`` removes the clean paths
from ``tests/words_to_do.txt``, the list of paths that are still to be reworded.

What is read: of Python, docstrings, comments and each string that contains a blank (a key or an
identifier has none); of SVG, its text; of anything else, all of it. A single word between backticks
is a name and is never a hit. A string or comment in which an old word must stay, because it is
stored on users' machines, has the comment ``# words: stored`` on one of its lines.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
TO_DO = ROOT / "tests" / "words_to_do.txt"
CHECKED = (
    "compose_bluegreen",
    "migrations",
    "haproxy",
    "scripts",
    "docs",
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
)
PRODUCT = "compose_bluegreen/*.py"
STORED = "words: stored"

_THE_ONE = (
    r"the ones?(?=[.,;:)]|$|\s+(?:that|who|which|whose|to|before|beside|by|in|of|from|with|is|was"
    r"|has|he|it|they|we|you|where|and|or)\b)"
)
_WELL = (
    r"(?:is|are|was|were|be|been|isn't|aren't|wasn't|weren't|gets?|got|not|finds? it|sees? it"
    r"|both|all|itself) well(?!-|\s+(?:known|used|kept|formed|tested|defined|as|within|below"
    r"|above|under)\b)"
)
_FOR = (
    r"(?<=,\s)for (?:they|nothing|then|there (?:is|are|was|were)"
    r"|it (?:is|was|has|had|can|may|must|would|could|does|knows|ends|needs))"
)
WORDS = {
    r"whoever|whomever|whom|nobody|somebody|anybody|everybody": "the actor: user, command, client",
    r"who may|those who": "the actor: preview users, clients with access",
    _THE_ONE: "the noun",
    r"what (?:serves|served)": "the live colour, the previous version",
    r"what (?:waits|waited|stays|stayed|acts|looks|remembers|gets)": "the noun",
    r"what (?:is there|there is|is over|is ours)": "the noun",
    r"what (?:comes?|came) of": "the result",
    r"anew": "again, a new …",
    r"mend(?:s|ed|ing)?": "fix",
    r"let(?:s|ting)? go": "remove, release (a lock)",
    r"(?:un)?proven|prove[sd]?|proving|proofs?": "healthy, passes its health checks; check, show",
    r"sick|unwell": "unhealthy",
    _WELL: "healthy",
    r"stands?|standing|stood": "is; standby; succeeds; is written",
    r"unasked": "without being asked; for a worker: receives no requests",
    r"told|tells? of": "reported, printed, asked, sent",
    r"heard": "received, accepted",
    r"(?:takes?|took|taken|taking) (?:\w+ )?away": "remove",
    r"for good": "permanently; irreversible",
    r"(?:comes?|came|brings?|brought|bringing) along": "include, contain, is released too",
    r"(?:go|goes|went|going|gone) on": "continue",
    r"mak(?:e|es|ing) true|made true": "apply",
    r"(?:becomes?|became) of": "happens to",
    r"of (?:it|them) that|of that which": "the noun with its clause",
    r"(?:under|on) trial": "pending, waiting for promotion",
    r"in truth|as yet|lest|whence|hence|thence": "plain words",
    r"\w+'s word": "what it reports",
    r"deeds?": "irreversible change",
    r"farewells?": "on_failure hook",
    r"wish(?:es|ed)?": "signal, request",
    r"owe[sd]?": "register; still has to",
    r"shall": "must, will",
    r"strangers?|impostors?|strays?": "unlabelled container, unexpected replica, Compose container",
    r"tally|tallies": "traffic statistics",
    r"seats?": "address",
    r"doors?": "internal port; error handler",
    r"the floors": "the folders, the layers",
    r"he|his|him": "they, their, them",
    _FOR: "because …",
}
NAMES = {
    "nobody somebody anybody whoever whose whom": "the actor",
    "told tells said says": "report, remark, output, words of the field",
    "proven unproven well sick unwell": "healthy, unhealthy",
    "anew": "again",
    "farewell owe owed": "OnFailure, register_undo",
    "wish wished heard": "ControlSignal, SignalRequest, send_and_wait",
    "tally": "TrafficStats",
    "seat seats slot slots": "ColourAddresses, address_offsets",
    "door doors": "InternalPort, error_handler",
    "aim pick picked clash sharer": "BackendRef, RequestMatch, RouteConflict, PortUser",
    "sight sights strays strangers impostor": "ObservedService, compose_containers, unlabelled",
    "deed deeds scene": "IrreversibleChange, HookContext",
    "fronts fronted": "published, reachable",
    "exchange exchanged": "stop_first",
    "unasked": "is_worker",
    "box": "ProxyContainer",
    "noting draft": "EndedDeployments, NewDeployment",
}
"""Old words in a name, to what it says now; see docs/glossary.md."""
_INSTEAD = {old: new for group, new in NAMES.items() for old in group.split()}

_BEFORE, _AFTER = r"(?<![\w./-])", r"(?![\w-]|[./]\w)"
_PATTERNS = {
    re.compile(
        _BEFORE + "(?:" + old.replace(" ", r"\s+") + ")" + _AFTER, re.IGNORECASE | re.MULTILINE
    ): new
    for old, new in WORDS.items()
}


@dataclass(frozen=True, slots=True, order=True)
class Hit:
    path: str
    line: int
    word: str
    instead: str

    def __str__(self) -> str:
        return f'{self.path}:{self.line}: "{self.word}": {self.instead}'


@dataclass(frozen=True, slots=True)
class Passage:
    """Text for people; where it is not copied line by line, ``lines`` are its source's."""

    text: str
    line: int
    lines: tuple[str, ...] = ()

    def line_of(self, start: int, word: str) -> int:
        if not self.lines:
            return self.line + self.text.count("\n", 0, start)
        first = word.split(maxsplit=1)[0]
        return self.line + next((i for i, one in enumerate(self.lines) if first in one), 0)


# ── which files ──────────────────────────────────────────────────────────────────────────────


def files(paths: Sequence[str] = CHECKED) -> list[str]:
    """Text files of the repository, or to be in it, at or below these paths."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *paths],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    return sorted({one for one in listed.stdout.split("\0") if (ROOT / one).is_file()})


def to_do() -> list[str]:
    """Paths that are still to be reworded; a folder ends with a slash."""
    lines = TO_DO.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def entry_of(path: str, entries: Sequence[str]) -> str | None:
    """The closest of the entries that the path is, or is below."""
    above = [one for one in entries if path == one or (one.endswith("/") and path.startswith(one))]
    return max(above, key=len, default=None)


# ── what is read of a file ───────────────────────────────────────────────────────────────────


def hits(path: str, source: str | None = None) -> list[Hit]:
    source = (ROOT / path).read_text(encoding="utf-8") if source is None else source
    found = set()
    for passage in _passages(path, source):
        text = re.sub(r"(`+)([^`\s]+)\1", _blank, passage.text)
        for pattern, instead in _PATTERNS.items():
            for match in pattern.finditer(text):
                word = " ".join(match[0].split())
                found.add(Hit(path, passage.line_of(match.start(), match[0]), word, instead))
    return sorted(found)


def _passages(path: str, source: str) -> Iterator[Passage]:
    name = path.rpartition("/")[2]
    if name.endswith(".py"):
        yield from _of_python(source)
    elif name.endswith(".svg"):
        yield Passage(re.sub(r"<[^>]*>", _blank, source), 1)
    elif name.endswith(".j2"):
        yield Passage(re.sub(r"\{[{%].*?[}%]\}", _blank, source, flags=re.DOTALL), 1)
    elif name == "CHANGELOG.md":
        yield _newest(source)
    elif name == "glossary.md":
        yield Passage(re.sub(r"(?<=\|)[^|\n]*\|$", _blank, source, flags=re.MULTILINE), 1)
    elif name.endswith(".md"):
        # What commands print is checked where it is written, in the code.
        yield Passage(re.sub(r"<!-- recorded: .*?<!-- end -->", _blank, source, flags=re.DOTALL), 1)
    else:
        yield Passage(source, 1)


def _newest(changelog: str) -> Passage:
    """What was released stays as it was written: only the newest section is checked."""
    sections = re.split(r"(?m)^(?=## )", changelog)
    return Passage("".join(sections[:2]), 1)


def _of_python(source: str) -> Iterator[Passage]:
    lines = source.splitlines()
    stored = {number for number, line in enumerate(lines, start=1) if STORED in line}
    for first, last, text in (*_strings(ast.parse(source)), *_comments(source)):
        if stored.isdisjoint(range(first, last + 1)) and " " in text.strip():
            exact = text.count("\n") == last - first
            yield Passage(text, first, () if exact else tuple(lines[first - 1 : last]))


def _strings(node: ast.AST) -> Iterator[tuple[int, int, str]]:
    if isinstance(node, ast.JoinedStr):
        parts = (
            one.value if isinstance(one, ast.Constant) else "\N{HORIZONTAL ELLIPSIS}"
            for one in node.values
        )
        yield node.lineno, node.end_lineno or node.lineno, "".join(map(str, parts))
        children: Iterable[ast.AST] = [
            one.value for one in node.values if isinstance(one, ast.FormattedValue)
        ]
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.lineno, node.end_lineno or node.lineno, node.value
        return
    else:
        children = ast.iter_child_nodes(node)
    for child in children:
        yield from _strings(child)


def _comments(source: str) -> Iterator[tuple[int, int, str]]:
    """Comments on lines that follow each other are one text."""
    block: list[tuple[int, str]] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        number, text = token.start[0], token.string.lstrip("#")
        if block and number != block[-1][0] + 1:
            yield block[0][0], block[-1][0], "\n".join(one for _, one in block)
            block = []
        block.append((number, text))
    if block:
        yield block[0][0], block[-1][0], "\n".join(one for _, one in block)


def _blank(match: re.Match[str]) -> str:
    """As long and as many lines as what it replaces, without a word."""
    return re.sub(r"[^\n]", "\N{MIDDLE DOT}", match[0])


def old_names(path: str) -> list[Hit]:
    """Where the code defines a name with an old word in it. A constant may name a stored word."""
    found = set()
    for name, line in _definitions(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        parts = () if name.isupper() else re.findall(r"[a-z]+|[A-Z][a-z]*", name)
        for part in {one.lower() for one in parts} & _INSTEAD.keys():
            found.add(Hit(path, line, name, _INSTEAD[part]))
    return sorted(found)


def _definitions(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno


# ── the command ──────────────────────────────────────────────────────────────────────────────


def prune() -> None:
    """Removes the clean paths from the list; never adds one."""
    entries = to_do()
    dirty = {entry_of(path, entries) for path in files() if hits(path)}
    kept = [
        line
        for line in TO_DO.read_text(encoding="utf-8").splitlines()
        if not line or line.startswith("#") or line in dirty
    ]
    TO_DO.write_text("\n".join(kept) + "\n", encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    if list(arguments) == ["--prune"]:
        prune()
        return 0
    paths = [one for one in arguments if one != "--names"]
    if "--names" in arguments:
        found = [hit for path in files(paths or [PRODUCT]) for hit in old_names(path)]
    else:
        found = [hit for path in files(paths or CHECKED) for hit in hits(path)]
    sys.stdout.writelines(f"{hit}\n" for hit in found)
    sys.stderr.write(f"{len(found)} to reword in {len({hit.path for hit in found})} files\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
