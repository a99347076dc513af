"""Real evdev, pyudev and pyserial code, in a whole station, on the devices of an emulated kernel (umockdev)."""

from __future__ import annotations

import inspect

import pytest

from tests.station import emulated_scenarios
from tests.support.emulated_kernel import Kernel, run_in_emulated_kernel

SCENARIOS = [
    name
    for name, function in inspect.getmembers(emulated_scenarios, inspect.isfunction)
    if inspect.get_annotations(function).get("kernel") == Kernel.__name__
]


pytestmark = pytest.mark.timeout(150)
"""The first test waits for all of them."""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str | None]:
    """All scenarios in one process, since its start takes longer than they do."""
    folder = tmp_path_factory.mktemp("emulated")
    return run_in_emulated_kernel("tests.station.emulated_scenarios", SCENARIOS, folder)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_in_an_emulated_kernel(scenario: str, outcomes: dict[str, str | None]) -> None:
    assert outcomes[scenario] is None, outcomes[scenario]


def test_there_are_scenarios() -> None:
    assert len(SCENARIOS) == 8
