"""The simulated scanner says what it scans, in the pieces asked for, and hears nothing."""

from __future__ import annotations

import pytest

from drivers.simulated.scanner import SimulatedScanner


class Notes:
    """A link that notes what is said."""

    def __init__(self) -> None:
        self.said: list[tuple[bytes, float]] = []

    def say(self, data: bytes, after_s: float = 0.0) -> None:
        self.said.append((data, after_s))


@pytest.mark.parametrize("pieces", [1, 2, 5, 100])
def test_a_scan_is_framed_and_cut(pieces: int) -> None:
    link = Notes()
    SimulatedScanner("]C1", "#", "\r\n").scan(link, "SN1", pieces=pieces, pause_s=0.2)
    assert b"".join(data for data, _ in link.said) == b"]C1SN1#\r\n"
    assert len(link.said) == min(pieces, 9)
    assert [after_s for _, after_s in link.said] == [0.0] + [0.2] * (len(link.said) - 1)


def test_it_says_nothing_by_itself() -> None:
    scanner = SimulatedScanner()
    assert scanner.power_on() == scanner.feed(b"hello") == scanner.lines_changed(dtr=True, rts=True) == []
