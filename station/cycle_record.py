"""What is on record of a cycle beside the cycle itself: the head of its log, and a result where it could not even begin."""

from __future__ import annotations

import platform
from typing import Any

from drivers.trigger import TriggerEvent
from station import __version__
from station.bench import Policy
from station.config.validate import Configuration
from station.cycle import describe
from station.errors import explain
from station.model import CycleResult, LabelFate


def session_head(
    configuration: Configuration, policy: Policy, event: TriggerEvent, session_path: str
) -> dict[str, Any]:
    """What a session log says before its first event: enough to build the same bench again at a desk. Holds no secret, since
    a configuration holds only references to them."""
    return {
        "agent": __version__,
        "python": platform.python_version(),
        "driver": policy.driver.label,
        "station": policy.station,
        "socket": policy.socket,
        "session": session_path,
        "start": {"source": event.source, "text": event.text},
        "configuration": configuration.document.values,
        "files": configuration.files,
    }


def failed_result(policy: Policy, error: Exception, duration_s: float) -> CycleResult:
    """The result of a cycle that could not begin, since it would have had no record: nothing was done to the unit."""
    row = explain(error)
    return CycleResult(
        cycle=0,
        station=policy.station,
        socket=policy.socket,
        outcome=row.outcome,
        code=row.code,
        chip_id=None,
        app_eui=None,
        device_id=None,
        sn=None,
        resumed=False,
        label=LabelFate.NOT_PRINTED,
        duration_s=duration_s,
        message=describe(error),
    )
