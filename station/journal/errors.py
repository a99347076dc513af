"""Every error of the journal.

    JournalError                 the journal cannot be written or read: disk full, read-only, gone, busy too long
    ├── JournalLocked            another agent owns this journal, or is this station in it
    ├── JournalCorrupt           the file is damaged, or is no journal
    │   └── JournalEmpty         the database holds no table yet
    ├── JournalVersion           the journal was written by a newer version
    ├── JournalRestored          the journal is an earlier one than that which knew what this station did
    ├── JournalUnreachable       the database's server does not answer, or was lost; it is tried again
    ├── JournalDenied            the server does not let the station in, or not do its work
    ├── JournalAddress           what should say where the journal is does not
    ├── JournalNoDriver          the package that talks to PostgreSQL is not installed
    ├── JournalOnServer          what only the server's own tools do was asked for
    ├── JournalOccupied          a journal was to be moved to where one is already
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


class JournalEmpty(JournalCorrupt):
    """Raised on reading from a database in which the journal is yet to be made."""


class JournalVersion(JournalError):
    """Raised on opening a journal whose schema this version does not know."""

    code = "journal.version"


class JournalRestored(JournalError):
    """Raised where the journal does not know what this station did in it: an earlier copy was put back, and nobody has accepted
    it. Nothing was changed."""

    code = "journal.restored"


class JournalUnreachable(JournalError):
    """Raised when the server cannot be reached, or was lost meanwhile: then it is not known whether the last change was made, and
    what a cycle in progress left open is in doubt. The next call tries to reach it again."""

    code = "journal.unreachable"


class JournalDenied(JournalError):
    """Raised when the server refuses the user, the password, the database or a right that the journal needs."""

    code = "journal.denied"


class JournalAddress(JournalError):
    """Raised for a location that is neither a path nor an address of a journal; the message never holds it."""

    code = "journal.address"


class JournalNoDriver(JournalError):
    """Raised on opening a journal on PostgreSQL where psycopg is not installed."""

    code = "journal.no_driver"


class JournalOnServer(JournalError):
    """Raised for what is done with a file of SQLite and not with a database on a server; the message says what does it there."""

    code = "journal.on_server"


class JournalOccupied(JournalError):
    """Raised when a journal is to be moved into a database that holds units, cycles or ids already."""

    code = "journal.occupied"


class JournalContradiction(JournalError):
    """Raised when what is to be written contradicts what is on record: another chip's id, an effect that is not open."""

    code = "journal.contradiction"


class JournalMisuse(JournalError):
    """Raised when a caller hands over what no journal takes: an id with control characters, a batch of no size."""

    code = "station.defect"


class PoolEmpty(JournalError):
    """Raised by ``reserve`` when no free id of a kind is left."""

    code = "pool.empty"
