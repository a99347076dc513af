"""The audit as people read it: what somebody did at a station, newest first, page by page."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from station.journal.records import LISTING_MAX
from station.journal.schema import audit


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Lines of one station, newest first: those before the line numbered ``before``, where that is given. Raises ValueError."""

    station: str
    before: int | None = None
    limit: int = 100

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= LISTING_MAX:
            raise ValueError(f"limit must be 1 to {LISTING_MAX}, not {self.limit}")


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One thing that a person did or decided, or the station by itself (``operator`` empty). ``chip_id`` is the unit's, where it is
    about one."""

    number: int
    at_ms: int
    operator: str
    action: str
    chip_id: str | None
    reason: str
    detail: str


def lines(connection: sa.Connection, wanted: AuditQuery) -> tuple[AuditLine, ...]:
    """Read backwards along the key, which is also the order of time."""
    statement = (
        sa.select(audit).where(audit.c.station == wanted.station).order_by(audit.c.id.desc()).limit(wanted.limit)
    )
    if wanted.before is not None:
        statement = statement.where(audit.c.id < wanted.before)
    return tuple(
        AuditLine(row["id"], row["at"], row["operator"], row["action"], row["chip_id"], row["reason"], row["detail"])
        for row in connection.execute(statement).mappings()
    )
