"""Text has an encoding of its own: the locale of the machine never chooses one.

ruff's PLW1514 sees files whose type it knows; this test sees every call in the product.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from testkit.checkout import ROOT

TEXT_FILES = {"read_text", "write_text", "fdopen", "NamedTemporaryFile", "TemporaryFile", "open"}
NO_FILES = {"os.open", "tarfile.open", "self._session.open"}
PROCESSES = {"run", "Popen", "check_output"}


def calls_without_encoding(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and _needs_encoding(node):
            yield f"{node.lineno}: {ast.unparse(node)}"


def _needs_encoding(call: ast.Call) -> bool:
    words = {keyword.arg for keyword in call.keywords}
    name = ast.unparse(call.func)
    last = name.rpartition(".")[2]
    if "encoding" in words or name in NO_FILES:
        return False
    if last in PROCESSES:
        return bool(words & {"text", "universal_newlines", "errors"})
    modes = [ast.unparse(word) for word in [*call.args, *(one.value for one in call.keywords)]]
    return last in TEXT_FILES and not any(
        mode in {"'wb'", "'rb'", "'ab'", "'w+b'"} for mode in modes
    )


@pytest.mark.parametrize(
    "source",
    [
        "file.read_text()",
        "self._file.write_text(text)",
        "os.fdopen(number, 'w')",
        "path.open()",
        "subprocess.run(words, text=True)",
        "subprocess.Popen(words, errors='replace')",
    ],
)
def test_the_check_sees_a_missing_encoding(source: str) -> None:
    assert list(calls_without_encoding(source))


@pytest.mark.parametrize(
    "source",
    [
        "file.read_text(encoding='utf-8')",
        "file.open('wb')",
        "os.open(path, os.O_RDONLY)",
        "subprocess.run(words, encoding='utf-8', errors='replace')",
        "subprocess.run(words)",
    ],
)
def test_the_check_accepts_bytes_and_a_named_encoding(source: str) -> None:
    assert not list(calls_without_encoding(source))


def test_every_text_file_and_pipe_of_the_product_names_its_encoding() -> None:
    missing = [
        f"{file.relative_to(ROOT)}:{call}"
        for folder in ("compose_bluegreen", "migrations")
        for file in sorted((ROOT / folder).rglob("*.py"))
        for call in calls_without_encoding(file.read_text(encoding="utf-8"))
    ]
    assert missing == []
