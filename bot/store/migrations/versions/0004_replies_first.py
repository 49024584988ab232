"""Unsent texts by cause and time: replies come first; the index serves only who asks by time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BEFORE = "status IN ('pending','claimed')"
AFTER = f"{BEFORE} AND attempts >= 0"


def upgrade() -> None:
    _replace(BEFORE, ["cause", "due_at", "id"], AFTER)


def downgrade() -> None:
    _replace(AFTER, ["due_at", "id"], BEFORE)


def _replace(old: str, columns: list[str], new: str) -> None:
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_outbox_due", postgresql_where=sa.text(old), sqlite_where=sa.text(old)
        )
        batch_op.create_index(
            "ix_outbox_due",
            columns,
            unique=False,
            postgresql_where=sa.text(new),
            sqlite_where=sa.text(new),
        )
