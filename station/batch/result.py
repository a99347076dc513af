"""The result of a batch as a CSV file, one row for each of the list's, in its order."""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from station.batch.runner import Ended
from station.text import printable

COLUMNS = ("chipId", "appEui", "deviceId", "sn", "outcome", "code", "message")
PROVISIONED, LEFT = "PROVISIONED", "LEFT"


def outcome_of(ended: Ended) -> str:
    """``PROVISIONED``, ``LEFT`` for a unit that was not begun, else the outcome of its cycle."""
    if ended.is_provisioned:
        return PROVISIONED
    return LEFT if ended.outcome is None else ended.outcome.value


def counts_of(ended: Sequence[Ended]) -> Counter[str]:
    """How many rows have which outcome."""
    return Counter(outcome_of(each) for each in ended)


def require_place(path: Path, chips: Path) -> None:
    """Raises OSError, naming the path, where the result cannot be put there, before a batch is begun for it. Raises ValueError
    where it would take the place of the list, or of any other file than an earlier result."""
    if path.exists() and path.samefile(chips):
        raise ValueError(f"{path} is the list itself")
    if path.is_dir():
        raise IsADirectoryError(21, "is a folder", str(path))
    if not os.access(path.parent, os.W_OK | os.X_OK):
        path.parent.stat()
        raise PermissionError(13, "nothing can be written there", str(path.parent))
    if path.exists() and not (path.is_file() and _is_result(path)):
        raise ValueError(f"{path} is there already, and is no result of a list: move it, or name another by --result")


def _is_result(path: Path) -> bool:
    """Whether it begins as a result does; an empty file, of mktemp(1) say, is as good as one."""
    head = ",".join(COLUMNS).encode("ascii")
    with path.open("rb") as file:
        return file.read(len(head)) in (head, b"")


def write_result(path: Path, ended: Sequence[Ended]) -> None:
    """Put the file in its place whole, or not at all. Raises OSError."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for each in ended:
        code = "" if each.is_provisioned else each.code
        ids = (each.row.chip_id, each.row.app_eui, each.device_id or "", each.sn or "")
        writer.writerow((*ids, outcome_of(each), code, printable(each.message)))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            file.write(text.getvalue())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
