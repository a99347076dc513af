"""How large a QR Code and a Data Matrix come out for given data: tables of the two standards."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from station.errors import LabelError

QR_QUIET_MODULES = 4
"""ISO/IEC 18004, 9.1."""
DATA_MATRIX_QUIET_MODULES = 1
"""ISO/IEC 16022, 8.1."""

QrMode = Literal["numeric", "alphanumeric", "byte"]

_QR_DATA_CODEWORDS = {
    "L": (19, 34, 55, 80, 108, 136, 156, 194, 232, 274, 324, 370, 428, 461, 523),
    "M": (16, 28, 44, 64, 86, 108, 124, 154, 182, 216, 254, 290, 334, 365, 415),
    "Q": (13, 22, 34, 48, 62, 76, 88, 110, 132, 154, 180, 206, 244, 261, 295),
    "H": (9, 16, 26, 36, 46, 60, 66, 86, 100, 122, 140, 158, 180, 197, 223),
}
"""Data codewords of versions 1 to 15 by error correction level. ISO/IEC 18004, table 7; larger symbols have no place on a label."""

_QR_COUNT_BITS: dict[QrMode, tuple[int, int]] = {"numeric": (10, 12), "alphanumeric": (9, 11), "byte": (8, 16)}
"""Length of the character count indicator for versions 1-9 and 10-26. ISO/IEC 18004, table 3."""
_QR_MODE_BITS = 4

_DATA_MATRIX_SQUARES = (
    (10, 3),
    (12, 5),
    (14, 8),
    (16, 12),
    (18, 18),
    (20, 22),
    (22, 30),
    (24, 36),
    (26, 44),
    (32, 62),
    (36, 86),
    (40, 114),
    (44, 144),
    (48, 174),
    (52, 204),
)
"""Modules per side and data codewords. ISO/IEC 16022, table 7."""


@dataclass(frozen=True, slots=True)
class QrShape:
    """The smallest QR Code for some data. ``modules`` per side, without quiet zone."""

    version: int
    mode: QrMode

    @property
    def modules(self) -> int:
        return 17 + 4 * self.version


def qr_shape(data: str, error_correction: str, path: str) -> QrShape:
    """The version that ASCII ``data`` needs in one segment of the densest mode that takes it, as printers choose in automatic
    mode. Raises LabelError where version 15 is too small."""
    mode = _qr_mode(data)
    for version, codewords in enumerate(_QR_DATA_CODEWORDS[error_correction], start=1):
        count_bits = _QR_COUNT_BITS[mode][version >= 10]
        if _QR_MODE_BITS + count_bits + _qr_data_bits(len(data), mode) <= 8 * codewords:
            return QrShape(version, mode)
    raise LabelError(f"{path}: {len(data)} characters are too many for a QR Code of level {error_correction}")


def data_matrix_modules(data: str, path: str) -> int:
    """Modules per side of the smallest square Data Matrix for ASCII ``data`` in ASCII encodation (a pair of digits takes one
    codeword). Raises LabelError where 52 x 52 is too small."""
    codewords = len(re.sub(r"[0-9]{2}", "#", data))
    for modules, capacity in _DATA_MATRIX_SQUARES:
        if codewords <= capacity:
            return modules
    raise LabelError(f"{path}: {len(data)} characters are too many for a Data Matrix")


def _qr_mode(data: str) -> QrMode:
    if re.fullmatch(r"[0-9]+", data):
        return "numeric"
    return "alphanumeric" if re.fullmatch(r"[0-9A-Z $%*+\-./:]+", data) else "byte"


def _qr_data_bits(chars: int, mode: QrMode) -> int:
    """ISO/IEC 18004, 7.4.3 to 7.4.5."""
    if mode == "numeric":
        return 10 * (chars // 3) + (0, 4, 7)[chars % 3]
    return 11 * (chars // 2) + 6 * (chars % 2) if mode == "alphanumeric" else 8 * chars
