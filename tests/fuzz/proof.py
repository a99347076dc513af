"""Targets that break on purpose, so that the fuzzer itself can be tried."""

from __future__ import annotations

from tests.fuzz.target import Target, needing_nothing


def _breaks(data: bytes) -> None:
    assert b"!" not in data, "an exclamation mark"


TARGETS = (Target("proof-breaks", needing_nothing(_breaks), lambda: (b"good",), (b"!",), max_bytes=16),)
