"""The one border where the system's, and pyserial's, exceptions become errors of the TransportError tree."""

from __future__ import annotations

import errno
import os
from typing import Final

from drivers.errors import PortBusy, PortDenied, PortLost, PortMissing, PortUnsupported, TransportError
from drivers.port_holder import describe_group, describe_holders

OpeningError = type[PortBusy | PortDenied | PortMissing | PortUnsupported]

_OPENING: Final[dict[int, OpeningError]] = {
    errno.ENOENT: PortMissing,
    errno.ENOTDIR: PortMissing,
    errno.ELOOP: PortMissing,
    errno.ENODEV: PortMissing,
    errno.ENXIO: PortMissing,
    errno.EIO: PortMissing,
    errno.EACCES: PortDenied,
    errno.EPERM: PortDenied,
    errno.EROFS: PortDenied,
    errno.EBUSY: PortBusy,
    errno.EAGAIN: PortBusy,
    errno.ETXTBSY: PortBusy,
}
"""What the system says on opening a path, from open(2), flock(2) and the tty drivers; all else is PortUnsupported."""

_UNPLUGGED: Final = frozenset({errno.EIO, errno.ENODEV, errno.ENXIO, errno.EBADF, errno.EPIPE})


def opening_error(path: str, error: Exception) -> TransportError:
    """What to raise where ``path`` cannot be opened: a busy port names its holders, a denied one the group that may."""
    number = error_number(error)
    kind = _OPENING.get(number, PortUnsupported)
    if kind is PortBusy:
        return PortBusy(path, f"in use by {describe_holders(path)}")
    if kind is PortDenied:
        return PortDenied(path, f"no permission; {describe_group(path)}")
    return kind(path, os.strerror(number) if number else str(error))


def configuring_error(name: str, error: Exception) -> TransportError:
    """What to raise where an open port does not take its settings: it is gone, or it cannot."""
    number = error_number(error)
    if number in _UNPLUGGED:
        return lost(name, error)
    return PortUnsupported(name, f"cannot take this setting: {os.strerror(number) if number else error}")


def lost(name: str, error: Exception) -> PortLost:
    """What to raise where an open port fails."""
    number = error_number(error)
    return PortLost(name, os.strerror(number) if number > 0 else str(error) or type(error).__name__)


def error_number(error: BaseException) -> int:
    """The system's error number behind an exception, 0 where there is none.

    pyserial raises errors whose number stands only in the exception that caused them, and ``termios.error``, which is no
    OSError, has it as its first argument.
    """
    cause: BaseException | None = error
    while cause is not None:
        number = getattr(cause, "errno", None)
        if number is None and cause.args:
            number = cause.args[0]
        if isinstance(number, int):
            return number
        cause = cause.__cause__ or cause.__context__
    return 0
