"""A simulated barcode scanner: it hears nothing and says what it scans."""

from __future__ import annotations

from typing import Protocol

from drivers.simulated import Reply


class Speaker(Protocol):
    """A link over which a device may speak unasked (``PtyLink``, ``TcpLink``)."""

    def say(self, data: bytes, after_s: float = 0.0) -> None: ...


class SimulatedScanner:
    """A scanner set up to send ``prefix``, the text, ``suffix`` and ``terminator``."""

    def __init__(self, prefix: str = "", suffix: str = "", terminator: str = "\r") -> None:
        self._prefix = prefix
        self._ending = suffix + terminator

    def scan(self, link: Speaker, text: str, *, pieces: int = 1, pause_s: float = 0.0) -> None:
        """Scan a label: send its text over ``link`` in ``pieces`` parts as equal as they get, ``pause_s`` apart."""
        data = (self._prefix + text + self._ending).encode("latin-1")
        size_bytes = -(-len(data) // max(1, pieces))
        for start in range(0, len(data), size_bytes):
            link.say(data[start : start + size_bytes], pause_s if start else 0.0)

    def feed(self, data: bytes) -> list[Reply]:  # noqa: ARG002
        return []

    def power_on(self) -> list[Reply]:
        return []

    def lines_changed(self, dtr: bool, rts: bool) -> list[Reply]:  # noqa: ARG002
        return []
