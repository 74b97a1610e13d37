"""History, in a database: SQLAlchemy Core, with Alembic to bring older files up to date.

Nothing is opened, made or migrated before it is needed: a reader of a history that does not
exist sees an empty one, and leaves no file behind.
"""

from __future__ import annotations

from compose_bluegreen.adapters.history.places import default_file, open_history
from compose_bluegreen.adapters.history.scope import Scope
from compose_bluegreen.adapters.history.sql import SqlHistory

__all__ = ["Scope", "SqlHistory", "default_file", "open_history"]
