"""What holds for every test: it leaves no thread and no open file behind, and Hypothesis never surprises."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.support.leaks import find_leaks, take_snapshot
from tests.support.postgresql import _mortal_server, database, database_server, mortal_server

__all__ = ["_mortal_server", "database", "database_server", "mortal_server"]
"""Fixtures for every test that asks for them."""

# Examples are the same in each run and no test fails for being slow on a busy machine; "explore" looks for new ones.
settings.register_profile(
    "ci", derandomize=True, deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "explore", deadline=None, max_examples=2000, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(autouse=True)
def _no_leaks() -> Iterator[None]:
    """Fail a test that leaves a thread running or a file descriptor open. Fixtures of a wider scope are set up before."""
    before = take_snapshot()
    yield
    leaks = find_leaks(before)
    if leaks:
        pytest.fail("left behind: " + "; ".join(leaks), pytrace=False)
