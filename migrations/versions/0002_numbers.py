"""A number for each deployment, counted for each engine and project; what the journal has of it.

An existing deployment gets its id as its number.

Revision ID: 0002
Revises: 0001
Create Date: 2026-11-23 11:40:12.412094
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_STATES = "'preparing', 'starting', 'switching', 'live', 'superseded', 'rolled_back', 'removed', 'failed', 'interrupted', 'stuck'"


def upgrade() -> None:
    op.drop_index("ix_deployments_of_project", "deployments")
    op.drop_index("ix_deployments_in_state", "deployments")
    with op.batch_alter_table("deployments", copy_from=_deployments(*_references())) as table:
        table.add_column(sa.Column("number", sa.Integer()))
        table.add_column(sa.Column("revision", sa.Text()))
        table.add_column(sa.Column("journalled", sa.Text()))
        for reference in _references():
            table.drop_constraint(str(reference.name), type_="foreignkey")
    op.execute("UPDATE deployments SET number = id")
    numbered = _deployments(
        sa.Column("number", sa.Integer()),
        sa.Column("revision", sa.Text()),
        sa.Column("journalled", sa.Text()),
    )
    with op.batch_alter_table("deployments", copy_from=numbered) as table:
        table.alter_column("number", existing_type=sa.Integer(), nullable=False)
    op.create_index(
        "uq_number_in_project", "deployments", ["engine", "project", "number"], unique=True
    )
    op.create_index("ix_deployments_of_project", "deployments", ["project", "number"])
    op.create_index("ix_deployments_in_state", "deployments", ["engine", "project", "state"])


def _references() -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint([name], ["deployments.id"], name=f"fk_deployments_{name}")
        for name in ("rollback_of", "restores")
    ]


def _deployments(*more: sa.Column[object] | sa.ForeignKeyConstraint) -> sa.Table:
    """As 0001 made it: what can be learned from SQLite leaves the checks out."""
    return sa.Table(
        "deployments",
        sa.MetaData(),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("git_revision", sa.Text()),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("retired_at", sa.DateTime(timezone=True)),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("rollback_of", sa.Integer()),
        sa.Column("restores", sa.Integer()),
        sa.CheckConstraint("kind IN ('up', 'rollback')", name="ck_deployments_kind"),
        sa.CheckConstraint(f"state IN ({_STATES})", name="ck_deployments_state"),
        sa.PrimaryKeyConstraint("id", name="pk_deployments"),
        sa.UniqueConstraint("uid", name="uq_deployments_uid"),
        *more,
        sqlite_autoincrement=True,
    )
