"""Docstrings of attributes: the text below a field, or below a member of an enum.

Python keeps none of them, so the running program pays nothing; they are read from the source.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable
from typing import Any

_ITEM = re.compile(r"^- ``(\w+)``: (.*?)(?=\n- |\Z)", re.DOTALL | re.MULTILINE)


def of_attributes(owner: type) -> dict[str, str]:
    """Attribute name to its text, on one line; those of base classes too."""
    found: dict[str, str] = {}
    for each in reversed(owner.__mro__):
        if each.__module__.partition(".")[0] == "compose_bluegreen":
            found |= _own(each)
    return found


def of_keys(function: Callable[..., Any]) -> dict[str, str]:
    """Of a function that returns a mapping: what its docstring lists of the keys."""
    listed = _ITEM.findall(inspect.getdoc(function) or "")
    return {key: " ".join(text.split()) for key, text in listed}


def _own(owner: type) -> dict[str, str]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(owner)))
    assert isinstance(tree.body[0], ast.ClassDef)
    found: dict[str, str] = {}
    before: str | None = None
    for statement in tree.body[0].body:
        if before and (text := _text(statement)):
            found[before] = " ".join(text.split())
        before = _name(statement)
    return found


def _name(statement: ast.stmt) -> str | None:
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
            return name
    return None


def _text(statement: ast.stmt) -> str | None:
    match statement:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return text
    return None
