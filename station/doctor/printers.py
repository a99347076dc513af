"""The printers: each is reached, answers, and says it is ready. Nothing is printed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from drivers.errors import DriverError, PrinterNotReady, PrinterSilent, TransportError
from drivers.file_sink import FileSinkOptions
from station.config.models import PrinterConfig
from station.doctor import Check, Finding, Survey, bad, good
from station.parts import label_printer, open_connection

_QUEUE_REMEDY = "see lpstat -p and lpstat -a for the queue; cupsenable and cupsaccept start it again"


@dataclass(frozen=True, slots=True)
class PrinterCheck:
    """See ``Check``."""

    survey: Survey
    printer: PrinterConfig
    index: int

    @property
    def name(self) -> str:
        return f"printer {self.printer.name}"

    def look(self) -> Iterator[Finding]:
        line = self.survey.line_of(("printers", self.index, "connection"))
        if self.printer.connection.file is not None:
            yield _folder(self.printer.connection.file, self.survey.configuration.station.state_dir, line)
            return
        if self.survey.agent_pid is not None:
            yield good(f"is left to the running station (pid {self.survey.agent_pid})")
            return
        try:
            link = open_connection(self.printer.connection, self.survey.clock)
            try:
                label_printer(self.printer).check(link, self.survey.clock)
            finally:
                link.close()
        except DriverError as error:
            is_queue = self.printer.connection.cups is not None
            yield bad(f"{line}: {error}", _QUEUE_REMEDY if is_queue else _remedy(error))
            return
        what = "" if self.printer.connection.cups is None else " as far as CUPS tells, which proves no label"
        yield good(f"{link.name} is ready{what}")


def checks(survey: Survey) -> list[Check]:
    printers = survey.configuration.station.printers
    return [PrinterCheck(survey, printer, index) for index, printer in enumerate(printers)]


def _folder(options: FileSinkOptions, state_dir: Path, line: str) -> Finding:
    """A file is not opened, since that would make it."""
    folder = Path(options.path) if options.one_file_per_job else Path(options.path).parent
    if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
        return good(f"{folder} can be written")
    if not folder.exists() and folder.absolute() == state_dir.absolute():
        return good(f"{folder} is not there yet; the first start makes it")
    why = "cannot be written by this user" if folder.is_dir() else "is no folder"
    return bad(f"{line}: {folder} {why}", "make the folder and give it to the station's user")


def _remedy(error: DriverError) -> str:
    if isinstance(error, PrinterNotReady):
        return "put that right at the printer"
    if isinstance(error, PrinterSilent):
        return "switch the printer on; check that it speaks the configured language and that its status channel is on"
    if isinstance(error, TransportError):
        return "switch the printer on, check its cable, and whether the address in the line named is its own"
    return "check that this is the printer it is configured as"
