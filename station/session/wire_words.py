"""Which decoder reads a log's wire in words, by the driver that its head names."""

from __future__ import annotations

from station.session.event_words import Decoder
from station.session.format import SessionLog

UART = "uart"


def decoders_for(log: SessionLog) -> dict[str, Decoder]:
    """Decoders by channel, fresh for one pass over the log; none where the wire is text, which reads as it stands."""
    driver = log.head.get("driver")
    if isinstance(driver, str) and driver.split(" ")[0] == "stm32":
        return {UART: _stm32()}
    return {}


def _stm32() -> Decoder:
    from drivers.bootloader.stm32.words import WireDecoder

    wire = WireDecoder()
    return lambda direction, data: wire.host(data) if direction == "tx" else wire.chip(data)
