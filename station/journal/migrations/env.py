"""Runs the migrations on the connection, and inside the transaction, that ``station.journal.versions.upgrade`` hands over."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"], transaction_per_migration=False)
context.run_migrations()
