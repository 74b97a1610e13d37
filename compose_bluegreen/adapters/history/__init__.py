"""History, in a database: SQLAlchemy Core, with Alembic to bring older files up to date.

Nothing is opened, made or migrated before it is needed: a reader of a history that does not
exist sees an empty one, and leaves no file behind.

Nor is SQLAlchemy imported before somebody asks for what needs it: the journal needs it not, and
while a shell starts in the proxy there is time for it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compose_bluegreen.adapters.history.location import default_file, open_history
    from compose_bluegreen.adapters.history.scope import Scope
    from compose_bluegreen.adapters.history.sql import SqlHistory

__all__ = ["Scope", "SqlHistory", "default_file", "open_history"]

_PLACES = {
    "Scope": "scope",
    "SqlHistory": "sql",
    "default_file": "location",
    "open_history": "location",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
