"""Alembic's migrations of every table; run by bot.store.schema."""
