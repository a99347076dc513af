"""Stable codes, and what an operator reads for each: one place for the words, the outcome and the remedy.

    StationError                     root of everything the station itself raises; has a ``code``
    ├── ConfigError                  station/config: file, line, remedy
    ├── JournalError                 station/journal
    ├── ApiError                     station/production_api
    ├── LabelError                   station/label: a design or a datum that cannot become a label
    ├── SessionError                 station/session: a log that cannot be written or read
    ├── InstallationError            station/installation: what cannot be installed or removed as asked
    └── UnitError                    the cycle: the unit, or what is known of it, forbids going on

Driver errors (``drivers/errors.py``) are a tree of their own with codes in the same catalogue; ``explain`` serves both.
"""

from __future__ import annotations

from dataclasses import dataclass

from drivers.errors import DriverError, PrinterNotReady
from station.model import Outcome


class StationError(Exception):
    """Root of the station's own errors. ``str(error)`` is one printable line for an engineer."""

    code: str = "station.defect"


class UnitError(StationError):
    """Raised by the cycle when the unit, or what the journal knows of it, forbids going on. The code varies."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class LabelError(StationError):
    """Raised when a label design or a value on it cannot become a label; nothing was sent to a printer."""

    code = "label.invalid"


class SessionError(StationError):
    """Raised when a session log cannot be written or read."""

    code = "session.unreadable"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What people read for a code. ``headline`` fits a screen read from three metres; ``action`` is one thing to do."""

    code: str
    outcome: Outcome
    headline: str
    action: str


def _rows(outcome: Outcome, *rows: tuple[str, str, str]) -> dict[str, Explanation]:
    return {code: Explanation(code, outcome, headline, action) for code, headline, action in rows}


# fmt: off
CATALOGUE: dict[str, Explanation] = {
    **_rows(
        Outcome.FAIL,
        ("board.silent", "Board does not answer", "Check that the board sits right and has power, then try again. Twice silent: reject it."),
        ("board.refused", "Board refuses a command", "Try once more. If it refuses again, put the board aside for repair."),
        ("board.garbled", "Board answers garbage", "Check cable, contacts and power, then try again. Again garbage: put the board aside."),
        ("board.protected", "Board is read-out protected", "Put the board aside: it was programmed and locked before."),
        ("board.wrong_part", "Wrong kind of board", "Check that this board belongs to this order."),
        ("board.field_invalid", "Chip id cannot be read", "Put the board aside for repair."),
        ("board.write_not_kept", "Board does not keep what is written", "Try once more. If it fails again, put the board aside."),
        ("board.failed", "Board fault", "Try once more. If it fails again, put the board aside."),
        ("board.swapped", "Board was changed during the cycle", "Leave the board in the socket until the result shows, then start again."),
        ("unit.app_eui_missing", "Board has no AppEUI", "Put the board aside: its AppEUI must be programmed first."),
        ("unit.app_eui_invalid", "Board's AppEUI is not valid", "Put the board aside: its AppEUI must be programmed again."),
        ("unit.app_eui_changed", "Board's AppEUI has changed", "Put the board aside and call the engineer."),
        ("unit.foreign_device_id", "Board carries an unknown DeviceID", "Put the board aside and call the engineer: it was provisioned elsewhere."),
        ("unit.sn_mismatch", "Scanned SN is not this board's", "Check the scanned label. If it is right, put the board aside and call the engineer."),
        ("unit.sn_taken", "Scanned SN belongs to another board", "Put board and label aside and call the engineer."),
        ("unit.set_aside", "Board is set aside", "Put the board aside and call the engineer to settle it."),
        ("unit.shipped", "Board is marked as shipped", "Put the board aside and call the engineer."),
        ("api.conflict", "Board or id belongs to someone else", "Put the board aside and call the engineer."),
        ("api.unit_refused", "Server refuses this board", "Put the board aside and call the engineer."),
        ("scan.invalid", "Scan is not a valid SN", "Scan the SN label again."),
        ("list.unreadable", "List cannot be used", "Name a CSV file in UTF-8 whose first line names the columns chipId and appEui."),
        ("list.row_invalid", "Row is not a unit of this board", "Correct the row, then start again: nothing was begun."),
        ("list.chip_twice", "Chip stands in the list twice", "Remove one of the two rows, then start again: nothing was begun."),
    ),
    **_rows(
        Outcome.ERROR,
        ("port.missing", "Jig's port is not there", "Check the USB cable of the socket, then try again."),
        ("port.busy", "Jig's port is in use", "Close the other program that uses the port, then try again."),
        ("port.denied", "No right to use the port", "Call the administrator: the station's user needs the port's group."),
        ("port.unsupported", "Port cannot do what is configured", "Call the engineer: adapter and configuration do not fit."),
        ("port.lost", "Cable came loose", "Plug the USB cable in again, then start again."),
        ("port.timeout", "Port is stuck", "Unplug and replug the USB cable of the socket, then start again."),
        ("port.failed", "Port fault", "Unplug and replug the USB cable of the socket, then start again."),
        ("driver.failed", "Device fault", "Start again. If it comes back, call the engineer."),
        ("driver.misuse", "Program fault", "Call the engineer and hand over the session log."),
        ("printer.unreachable", "Printer cannot be reached", "Switch the printer on and check its cable, then start again."),
        ("printer.silent", "Printer does not answer", "Switch the printer on and check its cable, then start again."),
        ("printer.not_ready", "Printer is not ready", "Check paper, ribbon and cover of the printer, then start again."),
        ("printer.failed", "Printer fault", "Switch the printer off and on, then start again."),
        ("label.invalid", "Label cannot be drawn", "Call the engineer: the label design does not fit the data."),
        ("label.not_printed", "Label was not printed", "Check the printer, then start again."),
        ("label.in_doubt", "Was the label printed?", "Look at the printer: label there, or not? Tell the station before going on."),
        ("api.unreachable", "Server cannot be reached", "Check the network, then start again."),
        ("api.unavailable", "Server is busy", "Wait a minute, then start again."),
        ("api.answer_lost", "Server's answer was lost", "Start again with the same board."),
        ("api.answer_invalid", "Server's answer makes no sense", "Put the board aside and call the engineer."),
        ("api.answer_other", "Server named another id", "Put the board aside and call the engineer."),
        ("api.auth", "Station may not use the server", "Call the engineer: credentials or token are refused."),
        ("api.scope", "Station's token lacks the production right", "Call the engineer: the token's scope must hold production/*."),
        ("api.config", "Server refuses the station's requests", "Call the engineer: address, method or CSID is wrong."),
        ("api.defect", "Server refuses the form of a request", "Call the engineer and hand over the session log."),
        ("api.redirected", "Server sent the station elsewhere", "Call the engineer: the configured address is not the server's."),
        ("api.licences", "No more licences", "Call the engineer: the server gives no more DeviceIDs."),
        ("api.sns", "No more SNs", "Call the engineer: the server gives no more SNs."),
        ("pool.empty", "No ids left", "Wait for the refill, or call the engineer to check the server."),
        ("unit.device_id_unfit", "DeviceID does not fit the board", "Call the engineer: configured field and the server's DeviceIDs do not fit."),
        ("unit.in_doubt", "Board is in doubt", "Put the board aside and call the engineer to settle it."),
        ("unit.busy", "Board is in another socket", "Leave it in one socket only, then start again."),
        ("unit.doubt_unsettled", "Board was not settled", "Call the engineer to settle it."),
        ("journal.locked", "Another agent owns the journal", "Stop the other agent, or give this one its own journal."),
        ("journal.failed", "Station cannot write its journal", "Stop. Call the administrator: disk full or broken?"),
        ("journal.corrupt", "Station's journal is damaged", "Stop. Call the administrator to restore the last backup."),
        ("journal.missing", "Journal is gone", "Stop. Call the administrator: see \"Restoring a backup\" in docs/operation.md."),
        ("journal.restored", "Journal is a restored backup", "Stop. Call the administrator: see \"Restoring a backup\" in docs/operation.md."),
        ("journal.version", "Journal belongs to another version", "Call the administrator: install the version that wrote it, or a newer one."),
        ("journal.unreachable", "Database cannot be reached", "Wait: the station goes on by itself. If it takes long, call the administrator."),
        ("journal.denied", "Database refuses the station", "Call the administrator: user, password, rights or name of the database are wrong."),
        ("journal.address", "No such place for a journal", "Correct the address: a path, or postgresql://user@host/database."),
        ("journal.no_driver", "PostgreSQL support is missing", "Call the administrator: install station with its extra postgresql."),
        ("journal.on_server", "Journal is kept on a server", "Use the database's own tool, as the message says."),
        ("journal.occupied", "Target holds a journal already", "Name an empty database: no journal is written over another."),
        ("journal.contradiction", "Journal and server disagree", "Put the board aside and call the engineer."),
        ("disk.full", "Station's disk is full", "Call the administrator: make room on the disk, then start again."),
        ("session.unwritable", "Station cannot write its session log", "Stop. Call the administrator: disk full or broken?"),
        ("session.unreadable", "Session log cannot be read", "Check the path, or call the engineer: it may be damaged."),
        ("session.not_anonymised", "No copy of this log may leave", "Hand over none: the message says what stands against it."),
        ("config.invalid", "Configuration is wrong", "Correct the line named, then start again."),
        ("install.refused", "Station was not installed", "Mend what is named, then install again; what was done stays done."),
        ("metrics.unavailable", "Metrics cannot be served", "Call the engineer: the address under metrics is in use or not this computer's."),
        ("panel.unavailable", "Page cannot be served", "Call the engineer: address or certificate under panel cannot be used."),
        ("panel.busy", "The page is busy with something else", "Wait a moment, then ask again."),
        ("panel.took_too_long", "It took too long and was ended", "Download the session log and do it at a desk."),
        ("start.busy", "Socket works already", "Wait until this cycle has ended, then start again."),
        ("start.not_ready", "Socket is not ready", "See what the socket's tile says, then start again."),
        ("usage.invalid", "Command is not understood", "Correct the command: --help says what it takes."),
        ("file.failed", "File cannot be used", "Name a file or folder that is there and that this user may write."),
        ("unit.unknown", "Board is not known", "Check the chipId: this station's journal has no unit of that name."),
        ("station.defect", "Program fault", "Call the engineer and hand over the session log."),
    ),
    **_rows(
        Outcome.ABORTED,
        ("cycle.aborted", "Stopped by the operator", "Start again when ready."),
        ("cycle.shutdown", "Station is shutting down", "Start again when the station is back."),
        ("cycle.no_board", "Provisioned, board not written yet", "Put the board in a jig: there it is written, proven and labelled."),
        ("cycle.cut_off", "Station stopped during the cycle", "Start again with the same board."),
    ),
}
# fmt: on


def explain(error: BaseException) -> Explanation:
    """The catalogue's row for an error; anything that is neither a StationError nor a DriverError is ``station.defect``.

    A printer that says why it is not ready has that reason in the headline.
    """
    code = error.code if isinstance(error, StationError | DriverError) else "station.defect"
    row = CATALOGUE.get(code, CATALOGUE["station.defect"])
    if isinstance(error, PrinterNotReady) and error.problems:
        reasons = ", ".join(problem.replace("_", " ") for problem in error.problems)
        return Explanation(row.code, row.outcome, f"Printer: {reasons}", row.action)
    return row
