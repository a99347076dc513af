"""An index of the finished session logs, so that a cycle's log is found, and known to be whole, without opening it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

WHOLE = sa.Integer().with_variant(sa.BigInteger(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "sessions",
        sa.Column("cycle", WHOLE, autoincrement=False, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size_bytes", WHOLE, nullable=False),
        sa.CheckConstraint("length(sha256) = 64", name="sessions_sha256_hex"),
        sa.CheckConstraint("size_bytes >= 0", name="sessions_size_counted"),
        sa.ForeignKeyConstraint(["cycle"], ["cycles.cycle"], name="sessions_cycle_fk"),
        sa.PrimaryKeyConstraint("cycle", name="sessions_pk"),
        sqlite_strict=True,
    )
    op.create_index("sessions_path", "sessions", ["path"])
