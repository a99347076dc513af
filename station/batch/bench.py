"""A cycle without a board put together from a session and the parts around it; the same for a real and a replayed one."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from station import __version__
from station.batch.cycle import LIST, ListBench
from station.bench import ServerSide, fitting, lane_of
from station.config.validate import Configuration
from station.parts import bootloader_driver
from station.ports import CycleJournal
from station.production_api.client import ProductionClient
from station.production_api.http import HttpPort
from station.production_api.tokens import Tokens
from station.session import Session


@dataclass(frozen=True, slots=True)
class Server:
    """Implements ``ServerSide``; never touched in a replay."""

    journal: CycleJournal
    client: ProductionClient
    http: HttpPort
    tokens: Tokens
    pause: Callable[[float], None]


def list_bench(
    configuration: Configuration,
    world: ServerSide,
    session: Session,
    *,
    claim: Callable[[str], None],
    aborted: Callable[[], str | None],
) -> ListBench:
    """The bench of one cycle. Everything that reaches into ``world`` goes through ``session``."""
    config = configuration.station
    driver = bootloader_driver(config.board, config.sockets[0].serial.framing)

    def check_device_id(device_id: str) -> None:
        with fitting():
            driver.check_device_id(device_id)

    return ListBench(
        station=config.station,
        lane=lane_of(world, session),
        check_device_id=check_device_id,
        claim=claim,
        aborted=aborted,
        repeat_unnamed=config.ids.repeat_unnamed,
    )


def head_of(configuration: Configuration, session_path: str) -> dict[str, Any]:
    """What the session log says before its first event: enough to run the cycle again at a desk. Holds no secret."""
    return {
        "agent": __version__,
        "python": platform.python_version(),
        "driver": LIST,
        "station": configuration.station.station,
        "socket": LIST,
        "session": session_path,
        "start": {"source": LIST, "text": None},
        "configuration": configuration.document.values,
        "files": configuration.files,
    }
