"""What a command line imports before it does anything: each library here costs 50 ms and more."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import compose_bluegreen.cli

SLOW = {
    "alembic",
    "docker",
    "jinja2",
    "pydantic",
    "python_on_whales",
    "requests",
    "rich",
    "sqlalchemy",
    "yaml",
}

RUN = """
import sys
sys.argv = ["docker-bluegreen", *sys.argv[1:]]
from compose_bluegreen.__main__ import main
main()
print(" ".join(sys.modules), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "line",
    [
        "bluegreen --help",
        "bluegreen --version",
        "bluegreen up --help",
        "bluegreen show x",
        "__complete bluegreen up --",
    ],
)
def test_a_command_line_is_read_without_slow_libraries(line: str) -> None:
    """Typer 0.29 fails here: it reads each command line with pydantic (see decision 0059)."""
    ran = subprocess.run(
        [sys.executable, "-c", RUN, *line.split()], capture_output=True, text=True, check=True
    )
    modules = set(ran.stderr.splitlines()[-1].split())
    assert "compose_bluegreen.cli.main" in modules
    assert modules & SLOW == set()


def test_a_command_line_imports_no_other_command() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", RUN, "bluegreen", "up", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    modules = set(ran.stderr.splitlines()[-1].split())
    assert "compose_bluegreen.cli.up" in modules
    assert "compose_bluegreen.cli.rollback" not in modules


def test_no_private_module_of_typer_is_used() -> None:
    folder = Path(compose_bluegreen.cli.__file__).parent
    modules = [
        node.module or ""
        for path in folder.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
    ]
    assert "compose_bluegreen.cli.verb" in modules
    assert [module for module in modules if module.startswith("typer._")] == []
