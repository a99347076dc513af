"""Every error of the journal.

    JournalError                 the journal cannot be written or read: disk full, read-only, gone, busy too long
    ├── JournalLocked            another agent owns this journal
    ├── JournalCorrupt           the file is damaged, or is no journal
    ├── JournalVersion           the journal was written by a newer version
    ├── JournalContradiction     what is to be written contradicts what is on record
    ├── JournalMisuse            a caller broke a contract (a defect of ours, or a value no journal takes)
    └── PoolEmpty                no id is left to give

A unit's own obstacles (its SN taken, set aside, shipped) are ``UnitError`` of ``station.errors``.
"""

from __future__ import annotations

from station.errors import StationError


class JournalError(StationError):
    """Raised when the journal cannot be written or read. Nothing of the failed transaction is in it."""

    code = "journal.failed"


class JournalLocked(JournalError):
    """Raised on opening when another process owns the journal; the message names its pid."""

    code = "journal.locked"


class JournalCorrupt(JournalError):
    """Raised when the file is damaged or is no journal; the message says how to restore it."""

    code = "journal.corrupt"


class JournalVersion(JournalError):
    """Raised on opening a journal whose schema this version does not know."""

    code = "journal.version"


class JournalContradiction(JournalError):
    """Raised when what is to be written contradicts what is on record: another chip's id, an effect that is not open."""

    code = "journal.contradiction"


class JournalMisuse(JournalError):
    """Raised when a caller hands over what no journal takes: an id with control characters, a batch of no size."""

    code = "station.defect"


class PoolEmpty(JournalError):
    """Raised by ``reserve`` when no free id of a kind is left."""

    code = "pool.empty"
