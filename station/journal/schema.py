"""The tables, for SQLite (STRICT) and PostgreSQL alike: whole numbers, text and reals only; times are milliseconds UTC.

``migrations`` must arrive at exactly this schema; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table

from station.journal.pool import BatchState, IdState
from station.model import EffectKind, EffectState, Hold, IdKind, LabelFate, Outcome

HEAD = "0002"
KNOWN_REVISIONS = ("0001", "0002")
"""Every revision there is, oldest first; ``HEAD`` is the last."""

_WHERE = "where"

metadata = sa.MetaData(
    naming_convention={
        "pk": "%(table_name)s_pk",
        "uq": "%(table_name)s_%(column_0_N_name)s_unique",
        "fk": "%(table_name)s_%(column_0_name)s_fk",
        "ck": "%(table_name)s_%(constraint_name)s",
    }
)

# A whole number of 64 bits on both; SQLite's STRICT tables know it as INTEGER only.
Whole = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
# Ids compare and sort by code point on both, so that a look-up by prefix is a range of the index.
Id = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Real: sa.types.TypeEngine[float] = sa.REAL().with_variant(sa.Double(), "postgresql")


def _index_of_some(
    name: str, *columns: Column[Any], where: sa.ColumnElement[bool] | sa.TextClause, unique: bool = False
) -> None:
    """An index of the rows for which ``where`` holds. PostgreSQL is told by ``make_ready_for``: to name its option here would
    import its dialect, 2 MiB that a station with a file would hold for months."""
    Index(name, *columns, unique=unique, sqlite_where=where, info={_WHERE: where})


def make_ready_for(dialect: str) -> None:
    """To be called before the tables are created in a database of this dialect."""
    if dialect == "postgresql":
        for index in (index for table in metadata.tables.values() for index in table.indexes):
            if _WHERE in index.info:
                index.dialect_options[dialect]["where"] = index.info[_WHERE]


def _one_of(column: str, values: type[StrEnum] | Sequence[str]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


units = Table(
    "units",
    metadata,
    Column("chip_id", Id, primary_key=True),
    Column("app_eui", Id, nullable=False),
    Column("device_id", Id, unique=True),
    Column("sn", Id, unique=True),
    Column("station", sa.Text, nullable=False),
    Column("reserved_at", Whole, nullable=False),
    Column("activated_at", Whole),
    Column("bound_at", Whole),
    Column("written_at", Whole),
    Column("verified_at", Whole),
    Column("shipped_at", Whole),
    Column("scrapped_at", Whole),
    Column("hold", sa.Text),
    Column("hold_code", sa.Text),
    Column("hold_reason", sa.Text),
    Column("labels_printed", Whole, nullable=False, server_default="0"),
    Column("inferred", Whole, nullable=False, server_default="0"),
    _one_of("hold", Hold),
    CheckConstraint("inferred IN (0, 1)", name="inferred_flag"),
    CheckConstraint("labels_printed >= 0", name="labels_counted"),
    CheckConstraint("activated_at IS NULL OR device_id IS NOT NULL", name="activated_has_device_id"),
    CheckConstraint("bound_at IS NULL OR (sn IS NOT NULL AND activated_at IS NOT NULL)", name="bound_has_sn"),
    CheckConstraint("written_at IS NULL OR activated_at IS NOT NULL", name="written_is_activated"),
    CheckConstraint("verified_at IS NULL OR written_at IS NOT NULL", name="verified_is_written"),
    CheckConstraint("shipped_at IS NULL OR bound_at IS NOT NULL", name="shipped_is_bound"),
    CheckConstraint("(hold IS NULL) = (hold_code IS NULL)", name="hold_has_code"),
    CheckConstraint("scrapped_at IS NULL OR hold IS NOT NULL", name="scrapped_is_held"),
    sqlite_strict=True,
)
Index("units_reserved_at", units.c.reserved_at)
_index_of_some("units_held", units.c.reserved_at, where=units.c.hold.isnot(None))

id_batches = Table(
    "id_batches",
    metadata,
    Column("id", Whole, primary_key=True),
    Column("kind", sa.Text, nullable=False),
    Column("station", sa.Text, nullable=False),
    Column("asked", Whole, nullable=False),
    Column("accepted", Whole, nullable=False, server_default="0"),
    Column("state", sa.Text, nullable=False),
    Column("detail", sa.Text, nullable=False, server_default=""),
    Column("requested_at", Whole, nullable=False),
    Column("answered_at", Whole),
    _one_of("kind", IdKind),
    _one_of("state", BatchState),
    CheckConstraint("asked > 0", name="asked_some"),
    sqlite_strict=True,
)
_index_of_some(
    "id_batches_unanswered",
    id_batches.c.kind,
    id_batches.c.state,
    where=sa.text("state <> 'answered'"),
)

ids = Table(
    "ids",
    metadata,
    Column("kind", sa.Text, primary_key=True),
    Column("value", Id, primary_key=True),
    Column("state", sa.Text, nullable=False),
    Column("batch", Whole, ForeignKey("id_batches.id")),
    Column("chip_id", Id, ForeignKey("units.chip_id")),
    _one_of("kind", IdKind),
    _one_of("state", IdState),
    CheckConstraint("(state = 'free') = (chip_id IS NULL)", name="free_has_no_chip"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
# Used ids are nearly all of them and never looked for by state: left out, the index stays small at a million units.
_index_of_some(
    "ids_unspent",
    ids.c.kind,
    ids.c.state,
    ids.c.batch,
    ids.c.value,
    where=sa.text("state <> 'used'"),
)

cycles = Table(
    "cycles",
    metadata,
    Column("cycle", Whole, primary_key=True),
    Column("station", sa.Text, nullable=False),
    Column("socket", sa.Text, nullable=False),
    Column("session", sa.Text, nullable=False),
    Column("started_at", Whole, nullable=False),
    Column("ended_at", Whole),
    Column("outcome", sa.Text),
    Column("code", sa.Text),
    Column("chip_id", Id),
    Column("resumed", Whole, nullable=False, server_default="0"),
    Column("label", sa.Text),
    Column("duration_s", Real),
    Column("message", sa.Text, nullable=False, server_default=""),
    _one_of("outcome", Outcome),
    _one_of("label", LabelFate),
    CheckConstraint("(ended_at IS NULL) = (outcome IS NULL)", name="ended_has_outcome"),
    sqlite_strict=True,
    sqlite_autoincrement=True,
)
Index("cycles_chip_id", cycles.c.chip_id)

steps = Table(
    "steps",
    metadata,
    Column("cycle", Whole, ForeignKey("cycles.cycle"), primary_key=True, autoincrement=False),
    Column("position", Whole, primary_key=True, autoincrement=False),
    Column("step", sa.Text, nullable=False),
    Column("duration_s", Real, nullable=False),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

effects = Table(
    "effects",
    metadata,
    Column("id", Whole, primary_key=True),
    Column("station", sa.Text, nullable=False),
    Column("cycle", Whole, ForeignKey("cycles.cycle")),
    Column("chip_id", Id, ForeignKey("units.chip_id"), nullable=False),
    Column("kind", sa.Text, nullable=False),
    Column("state", sa.Text, nullable=False),
    Column("request", sa.Text, nullable=False),
    Column("detail", sa.Text, nullable=False, server_default=""),
    Column("attempts", Whole, nullable=False, server_default="1"),
    Column("intended_at", Whole, nullable=False),
    Column("settled_at", Whole),
    _one_of("kind", EffectKind),
    _one_of("state", EffectState),
    CheckConstraint("(settled_at IS NULL) = (state IN ('intent', 'in_doubt'))", name="settled_or_open"),
    sqlite_strict=True,
    sqlite_autoincrement=True,
)
Index("effects_chip_id", effects.c.chip_id)
# At most one open effect of a kind per unit: what is in doubt is repeated or settled, never done beside.
_index_of_some(
    "effects_open",
    effects.c.chip_id,
    effects.c.kind,
    unique=True,
    where=effects.c.settled_at.is_(None),
)

labels = Table(
    "labels",
    metadata,
    Column("effect", Whole, ForeignKey("effects.id"), primary_key=True, autoincrement=False),
    Column("chip_id", Id, ForeignKey("units.chip_id"), nullable=False),
    Column("sn", Id, nullable=False),
    Column("copy_number", Whole, nullable=False),
    Column("fate", sa.Text, nullable=False),
    Column("reason", sa.Text, nullable=False, server_default=""),
    Column("operator", sa.Text, nullable=False, server_default=""),
    Column("at", Whole, nullable=False),
    _one_of("fate", LabelFate),
    CheckConstraint("copy_number > 0", name="copies_counted"),
    sqlite_strict=True,
)
Index("labels_chip_id", labels.c.chip_id)

audit = Table(
    "audit",
    metadata,
    Column("id", Whole, primary_key=True),
    Column("at", Whole, nullable=False),
    Column("station", sa.Text, nullable=False),
    Column("operator", sa.Text, nullable=False),
    Column("action", sa.Text, nullable=False),
    Column("chip_id", Id),
    Column("reason", sa.Text, nullable=False, server_default=""),
    Column("detail", sa.Text, nullable=False, server_default=""),
    sqlite_strict=True,
    sqlite_autoincrement=True,
)
Index("audit_chip_id", audit.c.chip_id)

sessions = Table(
    "sessions",
    metadata,
    Column("cycle", Whole, ForeignKey("cycles.cycle"), primary_key=True, autoincrement=False),
    Column("path", sa.Text, nullable=False),
    Column("sha256", sa.Text, nullable=False),
    Column("size_bytes", Whole, nullable=False),
    CheckConstraint("length(sha256) = 64", name="sha256_hex"),
    CheckConstraint("size_bytes >= 0", name="size_counted"),
    sqlite_strict=True,
)
Index("sessions_path", sessions.c.path)

version_metadata = sa.MetaData()
alembic_version = Table(
    "alembic_version",
    version_metadata,
    Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""Alembic's own table, in Alembic's own form."""
