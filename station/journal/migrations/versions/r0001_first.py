"""The first schema: units, ids and their batches, cycles, steps, effects, labels, audit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

WHOLE = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
REAL: sa.types.TypeEngine[float] = sa.REAL().with_variant(sa.Double(), "postgresql")


def upgrade() -> None:
    _audit()
    _cycles()
    _id_batches()
    _units()
    _effects()
    _ids()
    _steps()
    _labels()


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("at", WHOLE, nullable=False),
        sa.Column("station", sa.Text(), nullable=False),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("chip_id", ID),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name="audit_pk"),
        sqlite_autoincrement=True,
        sqlite_strict=True,
    )
    op.create_index("audit_chip_id", "audit", ["chip_id"])


def _cycles() -> None:
    op.create_table(
        "cycles",
        sa.Column("cycle", WHOLE, nullable=False),
        sa.Column("station", sa.Text(), nullable=False),
        sa.Column("socket", sa.Text(), nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("started_at", WHOLE, nullable=False),
        sa.Column("ended_at", WHOLE),
        sa.Column("outcome", sa.Text()),
        sa.Column("code", sa.Text()),
        sa.Column("chip_id", ID),
        sa.Column("resumed", WHOLE, server_default="0", nullable=False),
        sa.Column("label", sa.Text()),
        sa.Column("duration_s", REAL),
        sa.Column("message", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint("label IN ('printed', 'in_doubt', 'not_printed')", name="cycles_label_known"),
        sa.CheckConstraint("outcome IN ('PASS', 'FAIL', 'ERROR', 'ABORTED')", name="cycles_outcome_known"),
        sa.CheckConstraint("(ended_at IS NULL) = (outcome IS NULL)", name="cycles_ended_has_outcome"),
        sa.PrimaryKeyConstraint("cycle", name="cycles_pk"),
        sqlite_autoincrement=True,
        sqlite_strict=True,
    )
    op.create_index("cycles_chip_id", "cycles", ["chip_id"])


def _id_batches() -> None:
    op.create_table(
        "id_batches",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("station", sa.Text(), nullable=False),
        sa.Column("asked", WHOLE, nullable=False),
        sa.Column("accepted", WHOLE, server_default="0", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("requested_at", WHOLE, nullable=False),
        sa.Column("answered_at", WHOLE),
        sa.CheckConstraint("kind IN ('device_id', 'sn')", name="id_batches_kind_known"),
        sa.CheckConstraint("state IN ('requested', 'answered', 'refused', 'lost')", name="id_batches_state_known"),
        sa.CheckConstraint("asked > 0", name="id_batches_asked_some"),
        sa.PrimaryKeyConstraint("id", name="id_batches_pk"),
        sqlite_strict=True,
    )
    op.create_index(
        "id_batches_unanswered",
        "id_batches",
        ["kind", "state"],
        sqlite_where=sa.text("state <> 'answered'"),
        postgresql_where=sa.text("state <> 'answered'"),
    )


def _units() -> None:
    op.create_table(
        "units",
        sa.Column("chip_id", ID, nullable=False),
        sa.Column("app_eui", ID, nullable=False),
        sa.Column("device_id", ID),
        sa.Column("sn", ID),
        sa.Column("station", sa.Text(), nullable=False),
        sa.Column("reserved_at", WHOLE, nullable=False),
        sa.Column("activated_at", WHOLE),
        sa.Column("bound_at", WHOLE),
        sa.Column("written_at", WHOLE),
        sa.Column("verified_at", WHOLE),
        sa.Column("shipped_at", WHOLE),
        sa.Column("scrapped_at", WHOLE),
        sa.Column("hold", sa.Text()),
        sa.Column("hold_code", sa.Text()),
        sa.Column("hold_reason", sa.Text()),
        sa.Column("labels_printed", WHOLE, server_default="0", nullable=False),
        sa.Column("inferred", WHOLE, server_default="0", nullable=False),
        sa.CheckConstraint("hold IN ('in_doubt', 'set_aside')", name="units_hold_known"),
        sa.CheckConstraint("(hold IS NULL) = (hold_code IS NULL)", name="units_hold_has_code"),
        sa.CheckConstraint("activated_at IS NULL OR device_id IS NOT NULL", name="units_activated_has_device_id"),
        sa.CheckConstraint(
            "bound_at IS NULL OR (sn IS NOT NULL AND activated_at IS NOT NULL)", name="units_bound_has_sn"
        ),
        sa.CheckConstraint("inferred IN (0, 1)", name="units_inferred_flag"),
        sa.CheckConstraint("labels_printed >= 0", name="units_labels_counted"),
        sa.CheckConstraint("scrapped_at IS NULL OR hold IS NOT NULL", name="units_scrapped_is_held"),
        sa.CheckConstraint("shipped_at IS NULL OR bound_at IS NOT NULL", name="units_shipped_is_bound"),
        sa.CheckConstraint("verified_at IS NULL OR written_at IS NOT NULL", name="units_verified_is_written"),
        sa.CheckConstraint("written_at IS NULL OR activated_at IS NOT NULL", name="units_written_is_activated"),
        sa.PrimaryKeyConstraint("chip_id", name="units_pk"),
        sa.UniqueConstraint("device_id", name="units_device_id_unique"),
        sa.UniqueConstraint("sn", name="units_sn_unique"),
        sqlite_strict=True,
    )
    op.create_index(
        "units_held",
        "units",
        ["reserved_at"],
        sqlite_where=sa.text("hold IS NOT NULL"),
        postgresql_where=sa.text("hold IS NOT NULL"),
    )
    op.create_index("units_reserved_at", "units", ["reserved_at"])


def _effects() -> None:
    op.create_table(
        "effects",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("station", sa.Text(), nullable=False),
        sa.Column("cycle", WHOLE),
        sa.Column("chip_id", ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("attempts", WHOLE, server_default="1", nullable=False),
        sa.Column("intended_at", WHOLE, nullable=False),
        sa.Column("settled_at", WHOLE),
        sa.CheckConstraint("(settled_at IS NULL) = (state IN ('intent', 'in_doubt'))", name="effects_settled_or_open"),
        sa.CheckConstraint("kind IN ('activate', 'bind', 'write', 'print')", name="effects_kind_known"),
        sa.CheckConstraint("state IN ('intent', 'done', 'not_done', 'in_doubt')", name="effects_state_known"),
        sa.ForeignKeyConstraint(["chip_id"], ["units.chip_id"], name="effects_chip_id_fk"),
        sa.ForeignKeyConstraint(["cycle"], ["cycles.cycle"], name="effects_cycle_fk"),
        sa.PrimaryKeyConstraint("id", name="effects_pk"),
        sqlite_autoincrement=True,
        sqlite_strict=True,
    )
    op.create_index("effects_chip_id", "effects", ["chip_id"])
    op.create_index(
        "effects_open",
        "effects",
        ["chip_id", "kind"],
        unique=True,
        sqlite_where=sa.text("settled_at IS NULL"),
        postgresql_where=sa.text("settled_at IS NULL"),
    )


def _ids() -> None:
    op.create_table(
        "ids",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", ID, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("batch", WHOLE),
        sa.Column("chip_id", ID),
        sa.CheckConstraint("(state = 'free') = (chip_id IS NULL)", name="ids_free_has_no_chip"),
        sa.CheckConstraint("kind IN ('device_id', 'sn')", name="ids_kind_known"),
        sa.CheckConstraint("state IN ('free', 'reserved', 'named', 'used', 'retired')", name="ids_state_known"),
        sa.ForeignKeyConstraint(["batch"], ["id_batches.id"], name="ids_batch_fk"),
        sa.ForeignKeyConstraint(["chip_id"], ["units.chip_id"], name="ids_chip_id_fk"),
        sa.PrimaryKeyConstraint("kind", "value", name="ids_pk"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ids_unspent",
        "ids",
        ["kind", "state", "batch", "value"],
        sqlite_where=sa.text("state <> 'used'"),
        postgresql_where=sa.text("state <> 'used'"),
    )


def _steps() -> None:
    op.create_table(
        "steps",
        sa.Column("cycle", WHOLE, autoincrement=False, nullable=False),
        sa.Column("position", WHOLE, autoincrement=False, nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("duration_s", REAL, nullable=False),
        sa.ForeignKeyConstraint(["cycle"], ["cycles.cycle"], name="steps_cycle_fk"),
        sa.PrimaryKeyConstraint("cycle", "position", name="steps_pk"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _labels() -> None:
    op.create_table(
        "labels",
        sa.Column("effect", WHOLE, autoincrement=False, nullable=False),
        sa.Column("chip_id", ID, nullable=False),
        sa.Column("sn", ID, nullable=False),
        sa.Column("copy_number", WHOLE, nullable=False),
        sa.Column("fate", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("operator", sa.Text(), server_default="", nullable=False),
        sa.Column("at", WHOLE, nullable=False),
        sa.CheckConstraint("fate IN ('printed', 'in_doubt', 'not_printed')", name="labels_fate_known"),
        sa.CheckConstraint("copy_number > 0", name="labels_copies_counted"),
        sa.ForeignKeyConstraint(["chip_id"], ["units.chip_id"], name="labels_chip_id_fk"),
        sa.ForeignKeyConstraint(["effect"], ["effects.id"], name="labels_effect_fk"),
        sa.PrimaryKeyConstraint("effect", name="labels_pk"),
        sqlite_strict=True,
    )
    op.create_index("labels_chip_id", "labels", ["chip_id"])
