"""The label of a session log, drawn anew from the design in its configuration and the values of its result."""

from __future__ import annotations

from station.errors import LabelError, SessionError
from station.label import preview
from station.label.zpl_template import ZplTemplate
from station.ports import LabelData
from station.rerun import recorded_configuration
from station.session.format import SessionLog


def label_picture(log: SessionLog) -> bytes | None:
    """A PNG; None where the cycle sent no label, its design is one that only a printer can draw, or this version does not take the
    log's configuration."""
    result = log.end.fields.get("result") if log.end is not None else None
    if not isinstance(result, dict) or result.get("label") not in ("printed", "in_doubt"):
        return None
    values = [result.get(name) for name in ("sn", "device_id", "chip_id", "app_eui")]
    sn, device_id, chip_id, app_eui = (value if isinstance(value, str) else "" for value in values)
    if not (sn and device_id and chip_id and app_eui):
        return None
    try:
        with recorded_configuration(log) as configuration:
            if isinstance(configuration.label, ZplTemplate):
                return None
            extra = dict(configuration.station.label_extra)
            return preview(configuration.label, LabelData(sn, device_id, chip_id, app_eui, extra=extra))
    except (LabelError, SessionError):
        return None
