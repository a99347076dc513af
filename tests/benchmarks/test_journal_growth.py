"""The measurement of how the journal grows, made small: it says nothing of speed, but that it measures on both databases."""

from __future__ import annotations

import pytest

from benchmarks import journal


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_ratio_comes_of_each_run(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "OPERATIONS", 10)
    ratios = journal.lookup_ratios(database, runs=2, small=10, large=300)
    assert len(ratios) == 2
    assert all(ratio > 0 for ratio in ratios)
