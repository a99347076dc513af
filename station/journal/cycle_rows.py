"""The rows of a cycle: its beginning, its chip, its result with the time of each step, its session log.

Every function works inside its caller's transaction.
"""

from __future__ import annotations

import sqlalchemy as sa

from station.journal.errors import JournalContradiction
from station.journal.progress import Scene
from station.journal.schema import cycles, sessions, steps
from station.journal.statement import Statement
from station.journal.text import remark
from station.model import CycleResult

_OF_CYCLE = cycles.c.cycle == sa.bindparam("of")
_BEGIN = Statement(sa.insert(cycles))
_NAME_CHIP = Statement(sa.update(cycles).where(_OF_CYCLE).values(chip_id=sa.bindparam("chip")))
_RESULT = ("ended_at", "outcome", "code", "chip_id", "resumed", "label", "duration_s", "message")
_END = Statement(
    sa.update(cycles)
    .where(_OF_CYCLE, cycles.c.ended_at.is_(None))
    .values({name: sa.bindparam(f"new_{name}") for name in _RESULT})
)
_STATION_OF = Statement(sa.select(cycles.c.station).where(_OF_CYCLE))
_STEPS = Statement(sa.insert(steps))
_SESSION = Statement(sa.insert(sessions))


def begin(scene: Scene, socket: str, session: str) -> int:
    """A new cycle's number."""
    row = {"station": scene.station, "socket": remark(socket), "session": remark(session)}
    return _BEGIN.insert(scene.connection, row | {"started_at": scene.now_ms})


def is_of(connection: sa.Connection, cycle: int, station: str) -> bool:
    """Whether there is such a cycle, of this station."""
    return bool(_STATION_OF.scalar(connection, {"of": cycle}) == station)


def name_chip(scene: Scene, cycle: int, chip_id: str) -> None:
    """Note whose cycle it is. Raises JournalContradiction for an unknown cycle."""
    if _NAME_CHIP.change(scene.connection, {"of": cycle, "chip": chip_id}) != 1:
        raise JournalContradiction(f"cycle {cycle} is unknown")


def end(scene: Scene, result: CycleResult) -> None:
    """Write a cycle's result. Raises JournalContradiction for one that is not running."""
    values = {
        "of": result.cycle,
        "new_ended_at": scene.now_ms,
        "new_outcome": result.outcome.value,
        "new_code": result.code,
        "new_chip_id": None if result.chip_id is None else remark(result.chip_id),
        "new_resumed": int(result.resumed),
        "new_label": result.label.value,
        "new_duration_s": float(result.duration_s),
        "new_message": remark(result.message),
    }
    if _END.change(scene.connection, values) != 1:
        raise JournalContradiction(f"cycle {result.cycle} is not running")
    rows = [
        {"cycle": result.cycle, "position": position, "step": remark(step), "duration_s": float(duration_s)}
        for position, (step, duration_s) in enumerate(result.steps.items())
    ]
    if rows:
        _STEPS.change_each(scene.connection, rows)


def note_session(scene: Scene, cycle: int, path: str, sha256: str, size_bytes: int) -> None:
    """Note a cycle's finished log. Raises the driver's error of integrity for an unknown cycle or one that has its log already."""
    row = {"cycle": cycle, "path": remark(path), "sha256": sha256, "size_bytes": size_bytes}
    _SESSION.change(scene.connection, row)
