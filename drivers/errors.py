"""Every error that a driver raises.

    DriverError
    ├── DriverMisuse                 a caller broke a driver's contract (a defect, not a device)
    ├── TransportError               the pipe of bytes failed
    │   ├── DeadlineExpired          nothing (more) came, or could be sent, in time
    │   ├── PortMissing              there is nothing at this path or address
    │   ├── PortBusy                 another process holds the port
    │   ├── PortDenied               the operating system refuses access
    │   ├── PortUnsupported          the port cannot do what the configuration asks (no modem lines, a baud rate …)
    │   └── PortLost                 the port vanished or the peer closed while in use
    ├── BoardError                   the board, or its bootloader, misbehaved
    │   ├── BoardSilent              no answer to the attempts to wake the bootloader
    │   ├── BoardRefused             the bootloader said no (NACK, ERROR)
    │   ├── BoardGarbled             an answer that is no valid frame, or two reads that differ
    │   ├── BoardProtected           read-out or write protection forbids the command
    │   ├── BoardSwapped             another board than the one identified stands in the socket
    │   ├── WrongPart                the product id is not the configured part's
    │   ├── FieldInvalid             chipId could not be decoded from what the board holds
    │   └── WriteNotKept             what was written does not read back
    └── PrinterError                 the printer, before a byte of the job was sent
        ├── PrinterSilent            it does not answer its status request: not ready
        └── PrinterNotReady          it answers, and says why it cannot print

Each class has a stable ``code``: what logs, the journal and the ``code`` field of a cycle carry. What the operator reads for
a code, and which outcome it leads to, is the station's business (``station/errors.py``).
"""

from __future__ import annotations

from typing import ClassVar


class DriverError(Exception):
    """Root of this tree. ``str(error)`` is one printable line for an engineer."""

    code: ClassVar[str] = "driver.failed"


class DriverMisuse(DriverError):
    """A caller broke a driver's contract: a value out of range, a call after close."""

    code = "driver.misuse"


class TransportError(DriverError):
    """The pipe of bytes failed. ``port`` is the name the configuration gives it."""

    code = "port.failed"

    def __init__(self, port: str, message: str) -> None:
        super().__init__(f"{port}: {message}")
        self.port = port
        self.message = message


class DeadlineExpired(TransportError):
    """Raised by reads when no byte came, and by writes when not all bytes were taken, before the deadline."""

    code = "port.timeout"


class PortMissing(TransportError):
    """Raised on opening: no such path, or nobody listens at this address."""

    code = "port.missing"


class PortBusy(TransportError):
    """Raised on opening: another process holds the port; the message names it where the system tells."""

    code = "port.busy"


class PortDenied(TransportError):
    """Raised on opening: no permission. The message names the group that owns the device."""

    code = "port.denied"


class PortUnsupported(TransportError):
    """Raised when the port cannot do what was asked: modem lines on a pty, an odd baud rate, LPGETSTATUS on a file."""

    code = "port.unsupported"


class PortLost(TransportError):
    """Raised in use: the device was unplugged, the terminal hung up, the peer closed the connection."""

    code = "port.lost"


class BoardError(DriverError):
    """The board, or its bootloader, misbehaved."""

    code = "board.failed"


class BoardSilent(BoardError):
    """Raised when no attempt to wake the bootloader brought an answer."""

    code = "board.silent"


class BoardRefused(BoardError):
    """Raised when the bootloader refuses a command that the conversation needs (NACK, an ERROR line)."""

    code = "board.refused"


class BoardGarbled(BoardError):
    """Raised when an answer is no valid frame or line, or two reads of the same memory differ, after the bounded retries."""

    code = "board.garbled"


class BoardProtected(BoardError):
    """Raised when read-out or write protection forbids the command. Nothing is ever unprotected by the driver."""

    code = "board.protected"


class BoardSwapped(BoardError):
    """Raised when, in the middle of a conversation, another chip answers than the one that was identified."""

    code = "board.swapped"


class WrongPart(BoardError):
    """Raised when the product id that the bootloader reports is not one of the configured part's."""

    code = "board.wrong_part"


class FieldInvalid(BoardError):
    """Raised when chipId cannot be decoded from what the board holds; other fields are reported as readings."""

    code = "board.field_invalid"


class WriteNotKept(BoardError):
    """Raised when memory does not hold what was written, after the bounded retries."""

    code = "board.write_not_kept"


class PrinterError(DriverError):
    """Raised before the first byte of a job is sent: nothing was printed."""

    code = "printer.failed"


class PrinterUnreachable(PrinterError):
    """Raised where a printer's port cannot be opened or fails before a job; the message is the TransportError's, its cause."""

    code = "printer.unreachable"


class PrinterSilent(PrinterError):
    """Raised when the printer does not answer its status request in time. Silence is not readiness."""

    code = "printer.silent"


class PrinterNotReady(PrinterError):
    """Raised when the printer reports a reason it cannot print; ``problems`` are names such as ``paper_out``."""

    code = "printer.not_ready"

    def __init__(self, message: str, problems: tuple[str, ...]) -> None:
        super().__init__(message)
        self.problems = problems
