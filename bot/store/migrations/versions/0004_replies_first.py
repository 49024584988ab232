"""Unsent texts in the order of their due times for each cause: replies come first."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

UNSENT = sa.text("status IN ('pending','claimed')")


def upgrade() -> None:
    _index(["cause", "due_at", "id"])


def downgrade() -> None:
    _index(["due_at", "id"])


def _index(columns: list[str]) -> None:
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_outbox_due"))
        batch_op.create_index(
            "ix_outbox_due",
            columns,
            unique=False,
            postgresql_where=UNSENT,
            sqlite_where=UNSENT,
        )
