"""How Alembic runs these migrations.

The plugin hands over the connection that holds its write lock. From a checkout
(``alembic revision --autogenerate -m …``) it is the database that the plugin would open:
set BLUEGREEN_DATABASE_URL to a scratch file.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection
from sqlalchemy.types import TypeDecorator

from compose_bluegreen.adapters.history.location import database_url
from compose_bluegreen.adapters.history.schema import VERSION_TABLE
from compose_bluegreen.adapters.history.store import store_at
from compose_bluegreen.adapters.history.tables import metadata


def render_plainly(kind: str, item: Any, _: AutogenContext) -> str | Literal[False]:
    """A migration keeps its meaning when our types change, so it names none of them."""
    if kind == "type" and isinstance(item, TypeDecorator):
        return f"sa.{item.impl!r}"
    return False


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table=VERSION_TABLE,
        # SQLite can't alter a constraint: Alembic copies the table instead.
        render_as_batch=True,
        render_item=render_plainly,
    )
    # The owner of the connection ends its transaction: all revisions or none.
    context.run_migrations()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    store = store_at(database_url(None, os.environ), patience=timedelta(seconds=30))
    with store.as_it_is() as connection:
        run(connection)
    store.close()
