"""A PNG of every label that was printed, beside the journal: drawn after the cycle, in the background."""

from __future__ import annotations

import logging
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from station.errors import LabelError
from station.label.design import LabelDesign
from station.label.zpl_template import ZplTemplate
from station.model import CycleResult, LabelFate
from station.ports import LabelData

logger = logging.getLogger(__name__)

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


class LabelPictures:
    """Draws pictures one after the other. A picture that cannot be kept is logged and harms nothing: the label is printed."""

    def __init__(self, directory: Path, label: LabelDesign | ZplTemplate, extra: dict[str, str]) -> None:
        self._directory = directory
        self._label = label
        self._extra = extra
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="pictures")

    def keep(self, result: CycleResult) -> None:
        """Draw the label of a cycle that printed one; a ZPL template can only be drawn by its printer."""
        if result.label is LabelFate.PRINTED and not isinstance(self._label, ZplTemplate):
            self._thread.submit(self._draw, self._label, result)

    def close(self) -> None:
        """Finish the pictures under way."""
        self._thread.shutdown()

    def _draw(self, label: LabelDesign, result: CycleResult) -> None:
        from station.label import preview

        if not (result.sn and result.device_id and result.chip_id and result.app_eui):
            return
        data = LabelData(result.sn, result.device_id, result.chip_id, result.app_eui, extra=self._extra)
        path = self._directory / f"{_UNSAFE.sub('_', result.sn)}.png"
        try:
            if path.exists():
                return
            picture = preview(label, data)
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            temporary = path.with_suffix(".tmp")
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "wb") as file:
                file.write(picture)
            temporary.replace(path)
        except (LabelError, OSError) as error:
            logger.warning("no picture of the label of %s: %s", result.sn, error)
