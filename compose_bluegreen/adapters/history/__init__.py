"""History in a database: SQLAlchemy Core, with Alembic to migrate older files.

Start with ``sql`` (the port ``History``), ``tables``, and ``synced_history`` (joins history with the
journal on the engine).

Nothing is opened, created or migrated before it is needed: reading a history that does not exist
returns no deployments and creates no file. SQLAlchemy is not imported before a name below is used,
because the journal works without it and a command has time for the import while a shell starts in
the proxy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compose_bluegreen.adapters.history.location import default_file, open_history
    from compose_bluegreen.adapters.history.scope import Scope
    from compose_bluegreen.adapters.history.sql import SqlHistory

__all__ = ["Scope", "SqlHistory", "default_file", "open_history"]

_MODULES = {
    "Scope": "scope",
    "SqlHistory": "sql",
    "default_file": "location",
    "open_history": "location",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
