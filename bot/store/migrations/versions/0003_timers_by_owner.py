"""Timers are found by whom they belong to; queues are vacuumed before dead rows pile up in them."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Rows of these pass through: PostgreSQL would wait until a fifth of a table is dead, and every look for
# the next row would step over all of that.
QUEUES = ("timer", "inbox", "outbox")
VACUUM = {
    "autovacuum_vacuum_scale_factor": "0.01",
    "autovacuum_vacuum_threshold": "1000",
    "autovacuum_analyze_scale_factor": "0.02",
}


def upgrade() -> None:
    with op.batch_alter_table("timer", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_timer_conversation_id"))
        batch_op.create_index(batch_op.f("ix_timer_followup_id"), ["followup_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_timer_person_id"), ["person_id"], unique=False)
    if op.get_context().dialect.name == "postgresql":
        settings = ", ".join(f"{name} = {value}" for name, value in VACUUM.items())
        for table in QUEUES:
            op.execute(f"ALTER TABLE {table} SET ({settings})")


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        for table in QUEUES:
            op.execute(f"ALTER TABLE {table} RESET ({', '.join(VACUUM)})")
    with op.batch_alter_table("timer", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_timer_person_id"))
        batch_op.drop_index(batch_op.f("ix_timer_followup_id"))
        batch_op.create_index(
            batch_op.f("ix_timer_conversation_id"), ["conversation_id"], unique=False
        )
