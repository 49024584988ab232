"""Alembic's entry point: runs the migrations on the connection that bot.store.schema hands in."""

from alembic import context

from bot.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a table by copying it
    # Each is committed by itself, so that no lock outlives its migration and CREATE INDEX CONCURRENTLY
    # (in `op.get_context().autocommit_block()`) can run between them. On SQLite all are one transaction.
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
