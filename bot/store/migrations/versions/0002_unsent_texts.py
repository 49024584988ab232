"""Unsent texts by conversation; no foreign keys on what turns write."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_inbox_conversation_id"), type_="foreignkey")

    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_message_conversation_id"), type_="foreignkey")

    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_outbox_conversation"))
        batch_op.create_index(
            "ix_outbox_unsent",
            ["conversation_id", "id"],
            unique=False,
            postgresql_where=sa.text("status IN ('pending','claimed')"),
            sqlite_where=sa.text("status IN ('pending','claimed')"),
        )
        batch_op.drop_constraint(batch_op.f("fk_outbox_conversation_id"), type_="foreignkey")

    with op.batch_alter_table("record", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_record_conversation_id"), type_="foreignkey")

    with op.batch_alter_table("timer", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_timer_conversation_id"), type_="foreignkey")


def downgrade() -> None:
    with op.batch_alter_table("timer", schema=None) as batch_op:
        batch_op.create_foreign_key(
            batch_op.f("fk_timer_conversation_id"), "conversation", ["conversation_id"], ["id"]
        )

    with op.batch_alter_table("record", schema=None) as batch_op:
        batch_op.create_foreign_key(
            batch_op.f("fk_record_conversation_id"), "conversation", ["conversation_id"], ["id"]
        )

    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_foreign_key(
            batch_op.f("fk_outbox_conversation_id"), "conversation", ["conversation_id"], ["id"]
        )
        batch_op.drop_index(
            "ix_outbox_unsent",
            postgresql_where=sa.text("status IN ('pending','claimed')"),
            sqlite_where=sa.text("status IN ('pending','claimed')"),
        )
        batch_op.create_index(
            batch_op.f("ix_outbox_conversation"), ["conversation_id", "id"], unique=False
        )

    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.create_foreign_key(
            batch_op.f("fk_message_conversation_id"), "conversation", ["conversation_id"], ["id"]
        )

    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.create_foreign_key(
            batch_op.f("fk_inbox_conversation_id"), "conversation", ["conversation_id"], ["id"]
        )
