"""The command line words each hint as something that can be typed."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

import compose_bluegreen
from compose_bluegreen.cli.app import build_app
from compose_bluegreen.cli.hint_texts import command_line, hint_text
from compose_bluegreen.domain.errors import BluegreenError
from compose_bluegreen.domain.hints import Action, Command, Flag, Hint

PACKAGE = Path(compose_bluegreen.__file__).parent


@pytest.mark.parametrize(
    ("hint", "text"),
    [
        (Hint(Action.STATUS), "docker bluegreen status"),
        (Hint(Action.LOCK_STATUS, " shows who"), "docker bluegreen lock status shows who"),
        (
            Hint(Action.RESUME, " finishes it, ", Action.ABORT, " removes it"),
            "docker bluegreen resume finishes it, docker bluegreen abort removes it",
        ),
        (
            Hint(Command(Action.UP, flags=(Flag.TAKE_OVER, Flag.NO_SWITCH))),
            "docker bluegreen up --take-over --no-switch",
        ),
        (
            Hint(Command(Action.ROLLBACK, ("web", "api"), 41)),
            "docker bluegreen rollback web api --to 41",
        ),
        (
            Hint(Command(Action.SHOW, deployment=7), " shows why"),
            "docker bluegreen show 7 shows why",
        ),
        (
            Hint(Command(Action.UP, ("web",), image="a b;c")),
            "docker bluegreen up web --image 'a b;c'",
        ),
        (Hint("remove the file"), "remove the file"),
        (Hint(), ""),
    ],
)
def test_a_hint_is_a_command_line_and_the_words_around_it(hint: Hint, text: str) -> None:
    assert hint_text(hint) == text


@pytest.mark.parametrize("action", Action)
def test_each_action_is_a_command_that_exists(action: Action) -> None:
    group: Any = build_app(lambda call: 0)
    deployment = 7 if action in (Action.SHOW, Action.ROLLBACK) else None
    words = command_line(Command(action, deployment=deployment)).split()[2:]
    if action is Action.HELP:
        assert words == ["--help"]
        return
    with group.make_context("docker bluegreen", words) as context:
        assert group.invoke(context) == 0


@pytest.mark.parametrize("flag", Flag)
def test_each_flag_is_an_option_of_up(flag: Flag) -> None:
    group: Any = build_app(lambda call: 0)
    words = command_line(Command(Action.UP, flags=(flag,))).split()[2:]
    with group.make_context("docker bluegreen", words) as context:
        assert group.invoke(context) == 0


def test_an_error_takes_plain_text_for_a_hint_too() -> None:
    assert BluegreenError("no", hint="fix the file").hint == Hint("fix the file")
    assert not BluegreenError("no").hint


def test_a_log_gets_a_hint_without_any_program() -> None:
    assert str(Hint(Command(Action.UP, ("web",)), " starts it")) == "up web starts it"


def test_a_page_can_make_a_button_of_each_command() -> None:
    hint = Hint("first ", Action.ABORT, ", then ", Action.UP)
    assert [command.action for command in hint.commands] == [Action.ABORT, Action.UP]


def test_only_the_command_line_spells_its_commands_out() -> None:
    """Docstrings are for developers, so they may."""
    spelled = [
        f"{path.relative_to(PACKAGE)}:{text.lineno}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.relative_to(PACKAGE).parts[0] != "cli"
        for text in _texts(ast.parse(path.read_text(encoding="utf-8")))
        if "docker bluegreen" in str(text.value) or "docker-bluegreen" in str(text.value)
    ]
    assert spelled == []


def _texts(tree: ast.AST) -> list[ast.Constant]:
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in docstrings
    ]
