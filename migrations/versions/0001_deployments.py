"""Deployments, their services, parts and steps.

Revision ID: 0001
Revises:
Create Date: 2026-11-23 07:48:08.314310
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "deployments",
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
        sa.CheckConstraint("kind IN ('up', 'rollback')", name=op.f("ck_deployments_kind")),
        sa.CheckConstraint(
            "state IN ('preparing', 'starting', 'switching', 'live', 'superseded', 'rolled_back', 'removed', 'failed', 'interrupted', 'stuck')",
            name=op.f("ck_deployments_state"),
        ),
        sa.ForeignKeyConstraint(
            ["restores"], ["deployments.id"], name=op.f("fk_deployments_restores")
        ),
        sa.ForeignKeyConstraint(
            ["rollback_of"], ["deployments.id"], name=op.f("fk_deployments_rollback_of")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deployments")),
        sa.UniqueConstraint("uid", name=op.f("uq_deployments_uid")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_deployments_in_state", "deployments", ["engine", "project", "state"])
    op.create_index("ix_deployments_of_project", "deployments", ["project", "id"])

    op.create_table(
        "deployment_parts",
        sa.Column("deployment_id", sa.Integer(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("colour", sa.Text(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("taken_back", sa.Boolean(), nullable=False),
        sa.Column("image_reference", sa.Text(), nullable=False),
        sa.Column("image_id", sa.Text(), nullable=False),
        sa.Column("repo_digest", sa.Text()),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("model", sa.JSON(), nullable=False),
        sa.CheckConstraint("colour IN ('blue', 'green')", name=op.f("ck_deployment_parts_colour")),
        sa.ForeignKeyConstraint(
            ["deployment_id"],
            ["deployments.id"],
            name=op.f("fk_deployment_parts_deployment_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("deployment_id", "service", name=op.f("pk_deployment_parts")),
    )
    op.create_index(
        "ix_parts_of_service", "deployment_parts", ["engine", "project", "service", "deployment_id"]
    )
    op.create_index(
        "uq_one_live_part_a_service",
        "deployment_parts",
        ["engine", "project", "service"],
        unique=True,
        sqlite_where=sa.text("live = 1"),
        postgresql_where=sa.text("live"),
    )

    op.create_table(
        "deployment_services",
        sa.Column("deployment_id", sa.Integer(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment_id"],
            ["deployments.id"],
            name=op.f("fk_deployment_services_deployment_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("deployment_id", "service", name=op.f("pk_deployment_services")),
    )
    op.create_table(
        "deployment_steps",
        sa.Column("deployment_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('running', 'done', 'failed', 'undone', 'warned')",
            name=op.f("ck_deployment_steps_outcome"),
        ),
        sa.ForeignKeyConstraint(
            ["deployment_id"],
            ["deployments.id"],
            name=op.f("fk_deployment_steps_deployment_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("deployment_id", "number", name=op.f("pk_deployment_steps")),
    )
