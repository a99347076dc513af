"""All that is on record of one unit."""

from __future__ import annotations

import json
from dataclasses import asdict
from urllib.parse import urlencode

from starlette.responses import Response

from station.errors import UnitError
from station.panel.moments import moment, zone
from station.panel.people import Role
from station.panel.visit import Page, Visit
from station.text import printable

ROWS = 50
"""Of each list, the newest; a unit that was tried more often is found whole by the search and ``station units show``."""
MAX_REQUEST_CHARS = 4000


def show(visit: Visit) -> Response:
    """The unit's history. Raises UnitError("unit.unknown")."""
    chip_id = visit.part("chip_id")
    history = visit.context.reader.unit_history(chip_id)
    if history is None:
        raise UnitError("unit.unknown", f"no unit has chipId {printable(chip_id, 64)}")
    times = asdict(history.times)
    return visit.render(
        "unit.html",
        unit=history.unit,
        first_station=history.station,
        times=[(name.removesuffix("_at_ms"), time_ms) for name, time_ms in times.items() if name != "scrapped_at_ms"],
        scrapped_at_ms=times["scrapped_at_ms"],
        cycles=history.cycles[::-1][:ROWS],
        effects=[
            (record, printable(json.dumps(record.effect.request, ensure_ascii=False), MAX_REQUEST_CHARS))
            for record in history.effects[::-1][:ROWS]
        ],
        labels=history.labels[::-1][:ROWS],
        audit=history.audit[::-1][:ROWS],
        counts={name: len(getattr(history, name)) for name in ("cycles", "effects", "labels", "audit")},
        rows=ROWS,
        hold=visit.context.words.of_code(history.unit.hold_code) if history.unit.hold_code else None,
        all_cycles="/search?" + urlencode({"q": history.unit.chip_id, "older": str(10**15 - 1)}),
        moment=moment,
        zone=zone(),
        plain=printable,
    )


PAGES = (Page("/units/{chip_id}", show, Role.ENGINEER),)
