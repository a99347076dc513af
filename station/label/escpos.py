"""A layout as an ESC/POS job: the whole label as one raster picture, so that nothing depends on a printer's fonts or symbols.

python-escpos only builds bytes here; nothing of it ever touches a port. Its import installs a root log handler and leaves a
temporary directory behind; both are undone.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
from functools import cache
from typing import Any

from station.label.placed import Layout
from station.label.raster import draw

_loading = threading.Lock()
_PICKLE_DIR_VARIABLE = "ESCPOS_CAPABILITIES_PICKLE_DIR"


def render_escpos(layout: Layout) -> bytes:
    """ESC @ (initialise), the label in GS v 0 strips, GS V 66 0 (feed to the cutter, cut). Source: Epson, "ESC/POS Command
    Reference"."""
    builder = _new_builder()
    builder.hw("INIT")
    builder.image(draw(layout), impl="bitImageRaster")
    builder.cut(feed=False)
    job: bytes = builder.output
    return job


def _new_builder() -> Any:
    """A ``Dummy`` printer whose profile names no media width: with "Unknown" there, ``image`` prints a remark to stdout."""
    with _loading:
        builder = _builder_type()()
    builder.profile.profile_data = {**builder.profile.profile_data, "media": {}}
    return builder


@cache
def _builder_type() -> Any:
    # A handler already at the root makes the basicConfig() in python-escpos do nothing.
    placeholder = logging.NullHandler()
    logging.getLogger().addHandler(placeholder)
    try:
        import escpos.capabilities
        from escpos.printer import Dummy
    finally:
        logging.getLogger().removeHandler(placeholder)
    if _PICKLE_DIR_VARIABLE not in os.environ:
        shutil.rmtree(escpos.capabilities.pickle_dir, ignore_errors=True)
    return Dummy
