"""Symbols as rows of modules, drawn by segno, python-barcode's pattern table and ppf-datamatrix.

Each is asked for exactly the shape that the layout reckoned with, and checked against it. The libraries are loaded on first use.
"""

from __future__ import annotations

from collections.abc import Sequence

from station.errors import LabelError
from station.label import code128
from station.label.placed import PlacedCode128, PlacedDataMatrix, PlacedQr

Modules = tuple[tuple[bool, ...], ...]
"""Rows from the top, modules from the left, True is black; no quiet zone."""


def qr_modules(item: PlacedQr) -> Modules:
    """A QR Code of the layout's version and mode, with the error correction asked for and no more."""
    import segno

    symbol = segno.make_qr(
        item.data,
        error=item.error_correction,
        version=item.shape.version,
        mode=item.shape.mode,
        boost_error=False,
    )
    return _checked(symbol.matrix, item.shape.modules, item.shape.modules)


def data_matrix_modules(item: PlacedDataMatrix) -> Modules:
    """A square Data Matrix in ASCII encodation."""
    from ppf.datamatrix import DataMatrix

    return _checked(DataMatrix(item.data, codecs=["ascii"]).matrix, item.modules, item.modules)


def code128_modules(item: PlacedCode128) -> Modules:
    """One row of bars and spaces, from the first bar to the last."""
    from barcode.charsets.code128 import CODES, STOP

    values = code128.symbol_values(code128.plan_runs(item.data, "code128"))
    pattern = "".join(CODES[value] for value in values) + STOP + "11"
    return _checked([[int(bit) for bit in pattern]], code128.width_modules(values), 1)


def _checked(rows: Sequence[Sequence[int]], width: int, height: int) -> Modules:
    if len(rows) != height or any(len(row) != width for row in rows):
        raise LabelError(f"symbol: came out as {len(rows[0])} x {len(rows)} modules, not {width} x {height}")
    return tuple(tuple(bool(module) for module in row) for row in rows)
