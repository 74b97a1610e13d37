"""A deployment may wait, healthy and without traffic, until a user promotes it.

Revision ID: 0003
Revises: 0002
Create Date: 2026-11-23 14:12:31.118264
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_BEFORE = "'preparing', 'starting', 'switching', 'live', 'superseded', 'rolled_back', 'removed', 'failed', 'interrupted', 'stuck'"
_STATES = "'preparing', 'starting', 'waiting', 'switching', 'live', 'superseded', 'rolled_back', 'removed', 'failed', 'interrupted', 'stuck'"
_INDEXES = {
    "uq_number_in_project": ["engine", "project", "number"],
    "ix_deployments_of_project": ["project", "number"],
    "ix_deployments_in_state": ["engine", "project", "state"],
}


def upgrade() -> None:
    for name in _INDEXES:
        op.drop_index(name, "deployments")
    with op.batch_alter_table("deployments", copy_from=_deployments()) as table:
        table.drop_constraint(op.f("ck_deployments_state"), type_="check")
        table.create_check_constraint(op.f("ck_deployments_state"), f"state IN ({_STATES})")
    for name, columns in _INDEXES.items():
        op.create_index(name, "deployments", columns, unique=name.startswith("uq_"))


def _deployments() -> sa.Table:
    """As 0002 left it: what can be learned from SQLite leaves the checks out."""
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
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Text()),
        sa.Column("journalled", sa.Text()),
        sa.CheckConstraint("kind IN ('up', 'rollback')", name="ck_deployments_kind"),
        sa.CheckConstraint(f"state IN ({_BEFORE})", name="ck_deployments_state"),
        sa.PrimaryKeyConstraint("id", name="pk_deployments"),
        sa.UniqueConstraint("uid", name="uq_deployments_uid"),
        sqlite_autoincrement=True,
    )
