"""What must hold after a crash and its restarts, beside what every test of a whole station is judged by (``Rig.problems``)."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from station.model import Outcome
from tests.support.station import Board, Rig

DEFECTS = ("station.defect", "journal.contradiction")
_CONCLUDED = {
    "device_id": "SELECT i.value, i.state FROM ids i JOIN units u ON u.device_id = i.value"
    " WHERE i.kind = ? AND (i.state = 'used') <> (u.activated_at IS NOT NULL)",
    "sn": "SELECT i.value, i.state FROM ids i JOIN units u ON u.sn = i.value"
    " WHERE i.kind = ? AND (i.state = 'used') <> (u.bound_at IS NOT NULL)",
}
"""Ids whose state in the pool is not what their unit's row says."""


def problems(rig: Rig, said: list[str]) -> Iterator[str]:
    """Everything that must not be, in words. ``said`` is what the agents wrote on standard error."""
    try:
        yield from rig.problems()
    except Exception as error:  # noqa: BLE001 (whatever keeps the judge from judging is a finding)
        yield f"cannot be judged: {type(error).__name__}: {error}"
    for board in rig.boards.values():
        yield from _unit(rig, board)
    yield from _list(rig)
    yield from _free_ids(rig)
    yield from _label_records(rig)
    yield from _logs(rig)
    yield from (f"the agent said: {line}" for line in said if "Traceback" in line or "Error:" in line)
    yield from (f"cycle {result.cycle} ended with {result.code}" for result in rig.results if result.code in DEFECTS)


def _unit(rig: Rig, board: Board) -> Iterator[str]:
    """With a person's help where there was a doubt, the unit came to PASS, and is complete in the journal too."""
    chip_id = rig.chip_id(board)
    outcomes = [result.outcome for result in rig.results if result.chip_id == chip_id]
    if not outcomes or outcomes[-1] is not Outcome.PASS:
        codes = [result.code for result in rig.results if result.chip_id in (chip_id, None)]
        yield f"{chip_id} never came to PASS: {codes}"
        return
    (unit,) = rig.rows("SELECT * FROM units WHERE chip_id = ?", chip_id)
    missing = [
        name for name in ("activated_at", "bound_at", "written_at", "verified_at", "labels_printed") if not unit[name]
    ]
    if missing or unit["hold"]:
        yield f"PASS of {chip_id}, but in the journal it lacks {missing}, hold {unit['hold']}"
    open_effects = [effect for effect in rig.effects(board) if effect[1] in ("intent", "in_doubt")]
    if open_effects:
        yield f"PASS of {chip_id}, but still open are {open_effects}"


def _list(rig: Rig) -> Iterator[str]:
    """Every unit of a list is activated and bound once, and its result says so."""
    result = rig.folder / "chips.result.csv"
    if not result.exists():
        return
    books: Any = rig.api.ledger()
    with result.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            device_ids = books["activated"].get(row["chipId"], [])
            sns = books["bound"].get(row["deviceId"], [])
            if (device_ids, sns) != ([row["deviceId"]], [row["sn"]]):
                yield f"the result has {dict(row)}, the server {device_ids} and {sns}"


def _free_ids(rig: Rig) -> Iterator[str]:
    """An id that the journal would still give away is nobody's; one that is used is somebody's."""
    books: Any = rig.api.ledger()
    taken = {
        "device_id": {device_id for ids in books["activated"].values() for device_id in ids},
        "sn": {sn for sns in books["bound"].values() for sn in sns},
    }
    for row in rig.rows("SELECT * FROM ids"):
        is_taken = row["value"] in taken[row["kind"]]
        if row["state"] in ("free", "reserved") and is_taken:
            yield f"{row['kind']} {row['value']} is {row['state']} in the journal and spent at the server"
        if row["state"] == "used" and not is_taken:
            yield f"{row['kind']} {row['value']} is used in the journal and not at the server"
    for kind, concluded in _CONCLUDED.items():
        for row in rig.rows(concluded, kind):
            yield f"{kind} {row['value']}: the pool has it {row['state']}, its unit says otherwise"


def _label_records(rig: Rig) -> Iterator[str]:
    """The journal counts every label that came out, and no other."""
    came_out = Counter(sn for sn, _, _ in rig.labels())
    counted = Counter(row["sn"] for row in rig.rows("SELECT sn FROM labels WHERE fate = 'printed'"))
    for sn in came_out | counted:
        if came_out[sn] != counted[sn]:
            yield f"{came_out[sn]} labels of {sn} came out, the journal counts {counted[sn]}"


def _logs(rig: Rig) -> Iterator[str]:
    """Every cycle that the journal began has its session log, whole or cut off, whatever was lost with the power."""
    for row in rig.rows("SELECT cycle, session FROM cycles"):
        whole = Path(row["session"])
        part = whole.with_name(whole.name.removesuffix(".gz") + ".part")
        if not whole.exists() and not part.exists():
            yield f"cycle {row['cycle']} left no session log"
